# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Be the first process of a host: set up its root, then answer every connection with an sshd.

    python -m tests.machines.inside SPEC READY [LISTENER]

SPEC is a file that machines.py wrote, READY the descriptor of a pipe that is told when the host answers, LISTENER a
listening socket that was made in the machine's network, so that the host is reached from there although its own network
is another one. Without it the host listens in its own. Either way sshd is started as inetd would start it (sshd(8),
-i), with the connection as its input.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

from tests.lab.sshd import TARGET_PATH
from tests.machines import root
from tests.machines.sockets import listen

_HOME = Path("/etc/machine")
_FILES = ("host_key", "authorized_keys")


def main() -> None:
    """Bring the host up, report it, and serve until this process is killed."""
    spec = json.loads(Path(sys.argv[1]).read_text())
    ready = int(sys.argv[2])
    os.umask(0o022)
    home = Path(spec["directory"])
    if spec["isolated"]:
        _enter(spec)
        home = _HOME
    if spec["listens_inside"]:
        listener = listen(spec["address"], spec["port"])
    else:
        listener = socket.socket(fileno=int(sys.argv[3]))
    config = _write_config(spec, home)
    sshd = shutil.which("sshd", path=TARGET_PATH) or "/usr/sbin/sshd"
    subprocess.run([sshd, "-t", "-f", str(config)], env={"PATH": TARGET_PATH}, check=True)
    command = [sshd, "-i", "-f", str(config), "-E", str(home / "sshd.log")]
    # Ends that nobody waits for leave no zombies (wait(2)); orphans of the host become children of this process.
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    os.write(ready, b"ready")
    os.close(ready)
    while True:
        connection, _ = listener.accept()
        if os.fork() == 0:
            _become(command, connection)
        connection.close()


def _enter(spec: dict[str, Any]) -> None:
    """Make the host's root this process's root."""
    socket.sethostname(spec["name"])
    # The network may belong to another host as well; then lo is up already.
    root.bring_up_loopback()
    place = root.mount_root(Path(spec["scratch"]))
    if "python" in spec:
        root.leave_one_python(place, spec["python"], TARGET_PATH.split(":"))
    (place / "etc/hosts").write_text(f"127.0.0.1 localhost {spec['name']}\n")
    (place / "etc/hostname").write_text(f"{spec['name']}\n")
    for directory in (str(_HOME), spec["workdir"]):
        (place / directory.lstrip("/")).mkdir(parents=True, exist_ok=True)
    # Like /tmp: tasks with and without become write here.
    (place / spec["workdir"].lstrip("/")).chmod(0o1777)
    for name in _FILES:
        shutil.copy(Path(spec["directory"]) / name, place / str(_HOME).lstrip("/") / name)
    os.chroot(place)
    os.chdir("/")


def _write_config(spec: dict[str, Any], home: Path) -> Path:
    # SHLVL=2 keeps bash from reading ~/.bashrc, which it does for the first shell below sshd.
    session = {"SHLVL": "2", "PATH": TARGET_PATH, "LANG": "C.UTF-8", **spec["environment"]}
    config = home / "sshd_config"
    config.write_text(
        "\n".join(
            [
                f"HostKey {home / 'host_key'}",
                f"AuthorizedKeysFile {home / 'authorized_keys'}",
                "KexAlgorithms curve25519-sha256",
                "LogLevel ERROR",
                "PasswordAuthentication no",
                "PermitRootLogin prohibit-password",
                "PrintLastLog no",
                "PrintMotd no",
                "StrictModes no",
                "Subsystem sftp internal-sftp",
                "UseDNS no",
                "UsePAM no",
                "SetEnv " + " ".join(f"{name}={value}" for name, value in session.items()),
                "",
            ]
        )
    )
    return config


def _become(command: list[str], connection: socket.socket) -> NoReturn:
    """Turn this forked process into the sshd of one connection."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    for descriptor in (0, 1):
        os.dup2(connection.fileno(), descriptor)
    os.execve(command[0], command, {"PATH": TARGET_PATH})


if __name__ == "__main__":
    main()
