# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run one private OpenSSH server that answers on every address of 127.0.0.0/8 and on nothing else.

Owns keys, known_hosts, configuration, log and the server process; knows nothing of Ansible.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from tests.lab import processes
from tests.lab.errors import LabError

TARGET_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# SHLVL=2 keeps bash from reading ~/.bashrc, which it does for the first shell below sshd.
_SESSION = {"SHLVL": "2", "PATH": TARGET_PATH, "LANG": "C.UTF-8"}

_ATTEMPTS = 5


class Sshd:
    """Keep one sshd in directory, which must exist and be readable by every account that logs in."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.client_key = directory / "client_key"
        self.known_hosts = directory / "known_hosts"
        self.log = directory / "sshd.log"
        self.port = 0
        self.process: processes.Process | None = None
        self._child: subprocess.Popen[bytes] | None = None

    def start(self, homes: dict[str, Path], variables: dict[str, str], wrapper: Sequence[str] = ()) -> None:
        """Create the keys and start the server on a free port; return when it greets.

        homes maps login names to the HOME their sessions get; variables go into the environment of every session.
        wrapper is a command that runs the server and ends with it (the bench counts CPU time with one). Raises
        LabError.
        """
        sshd = _program("sshd", "openssh-server")
        self._make_keys()
        # Each attempt draws another port, because a port found free can be taken before sshd binds it.
        for _ in range(_ATTEMPTS):
            self.port = _free_port()
            self._write_config(homes, variables)
            if self._spawn([*wrapper, sshd, "-D", "-f", str(self._config), "-E", str(self.log)], variables):
                self.known_hosts.write_text(f"[127.*]:{self.port} {self._host_key_line()}\n")
                return
        raise LabError(f"sshd does not start: {self.log.read_text().strip()}")

    def adopt(self, port: int, process: processes.Process) -> None:
        """Take over a server that another process started in this directory."""
        self.port = port
        self.process = process

    def sessions(self) -> list[processes.Process]:
        """List everything that runs below the server: connections and what they started."""
        return processes.descendants(self.process.pid) if self.process else []

    def stop(self) -> None:
        """End the server and every session of it; nothing happens when it does not run."""
        if self.process is None:
            return
        # Listed first: once the listener is gone its sessions have another parent.
        sessions = self.sessions()
        if self._child is None:
            processes.end([self.process, *sessions])
        else:
            # The sessions before the wait: a wrapper may wait for them in turn.
            self._child.terminate()
            processes.end(sessions)
            self._child.wait(timeout=10)
            self._child = None
        self.process = None

    @property
    def _config(self) -> Path:
        return self.directory / "sshd_config"

    def _make_keys(self) -> None:
        keygen = _program("ssh-keygen", "openssh-client")
        for name in ("host_key", "client_key"):
            subprocess.run(
                [keygen, "-q", "-t", "ed25519", "-N", "", "-C", "svc-lab", "-f", str(self.directory / name)],
                check=True,
                stdin=subprocess.DEVNULL,
            )
        # Read by sshd with the rights of the account that logs in (sshd(8), AUTHORIZED_KEYS).
        shutil.copy(self.directory / "client_key.pub", self.directory / "authorized_keys")
        (self.directory / "authorized_keys").chmod(0o644)

    def _host_key_line(self) -> str:
        return " ".join((self.directory / "host_key.pub").read_text().split()[:2])

    def _write_config(self, homes: dict[str, Path], variables: dict[str, str]) -> None:
        # On Linux "rdomain" binds the socket to a network interface (openbsd-compat/port-net.c): lo answers for the
        # whole of 127.0.0.0/8 and for nothing else.
        session = " ".join(f"{name}={value}" for name, value in {**_SESSION, **variables}.items())
        lines = [
            f"ListenAddress 0.0.0.0:{self.port} rdomain lo",
            f"HostKey {self.directory / 'host_key'}",
            f"PidFile {self.directory / 'sshd.pid'}",
            f"AuthorizedKeysFile {self.directory / 'authorized_keys'}",
            # The second name of the same is the one that paramiko knows.
            "KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org",
            "LogLevel ERROR",
            "LoginGraceTime 60",
            "MaxAuthTries 20",
            "MaxSessions 1000",
            "MaxStartups 1000",
            "PermitRootLogin prohibit-password",
            "PasswordAuthentication yes",
            "PrintLastLog no",
            "PrintMotd no",
            "StrictModes no",
            "Subsystem sftp internal-sftp",
            "UseDNS no",
            "UsePAM no",
            f"SetEnv {session}",
        ]
        for name, home in homes.items():
            lines += [f"Match User {name}", f"  SetEnv {session} HOME={home}"]
        self._config.write_text("\n".join(lines) + "\n")

    def _spawn(self, command: list[str], variables: dict[str, str]) -> bool:
        """Start the server; return True when it greets, False when it ended instead."""
        if os.geteuid() == 0:
            # The privilege separation directory is compiled in; Debian's sshd refuses to start without it.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env={"PATH": TARGET_PATH, **variables},
            start_new_session=True,
        )
        limit = time.monotonic() + 20
        while child.poll() is None:
            if _greets(self.port):
                self._child = child
                self.process = processes.look(child.pid)
                return True
            if time.monotonic() > limit:
                child.kill()
                child.wait()
                raise LabError("sshd runs but does not answer")
            time.sleep(0.02)
        return False


def _greets(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        return connection.recv(8).startswith(b"SSH-")
    return False


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _program(name: str, package: str) -> str:
    """Return the absolute path (sshd insists on one) of a program; raise LabError that names the package."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:{TARGET_PATH}")
    if path is None:
        raise LabError(f"{name} is not installed (package {package})")
    return path
