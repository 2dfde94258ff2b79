# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring the hosts of a Molecule scenario up and down: directory, keys, namespaces, and what a client has to know.

A host is the process tree below one `unshare` (unshare(1), --kill-child), so that one signal ends all of it and the
kernel removes its mounts and its network. state.json in the directory tells other processes which that is.
"""

from __future__ import annotations

import contextlib
import getpass
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import processes
from tests.lab.errors import LabError
from tests.lab.lab import CHECKOUT
from tests.machines import pythons
from tests.machines.sockets import listen

_NAMESPACES = ("--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child=SIGKILL")
_START_LIMIT_S = 60.0
_END_LIMIT_S = 20.0


@dataclass(frozen=True)
class Platform:
    """Describe a host as an entry of `platforms` in molecule.yml does.

    network: the host whose network it lives in; it is reached through that one only. python: the release, such as
    "3.9", that is to be the host's only Python, or "none"; without it the host has what the machine has.
    """

    name: str
    network: str | None = None
    python: str | None = None


class Machines:
    """The hosts of one directory.

    Attributes:
        isolated: whether hosts get namespaces and a root of their own.

    Threads: one thread uses it.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.absolute()
        self.isolated = False
        self._hosts: dict[str, dict[str, Any]] = {}

    def up(self, platforms: Sequence[Platform]) -> None:
        """Start all hosts; on any failure take down again what had come up. Raises LabError."""
        if self.directory.exists() and any(self.directory.iterdir()):
            raise LabError(f"{self.directory} has hosts already, or is no directory for hosts")
        self.directory.mkdir(parents=True, exist_ok=True)
        try:
            # Before anything else: who finds this file can take down whatever there is, however far this gets.
            self._save()
            self.isolated = _can_isolate(self.directory)
            _make_key(self.directory / "client_key")
            for number, platform in enumerate(platforms, start=1):
                self._prepare(platform, number)
                self.start(platform.name)
            self._write_ssh_files()
        except BaseException:
            self.down()
            raise

    def start(self, name: str) -> None:
        """Start a host that does not run, as it was when it was new; return when it answers. Raises LabError."""
        host = self._hosts[name]
        if host["listens_inside"]:
            host["process"] = vars(self._spawn(host, None))
        else:
            with listen(host["address"], host["port"]) as listener:
                host["port"] = listener.getsockname()[1]
                host["process"] = vars(self._spawn(host, listener))
        self._save()

    def kill(self, name: str) -> None:
        """End a host as a power failure would."""
        host = self._hosts[name]
        process = processes.Process(**host["process"])
        found = [process, *processes.descendants(process.pid)]
        if not self.isolated:
            found += processes.marked(host["environment"][processes.MARKER])
        _kill(found)

    def down(self) -> None:
        """End all hosts, also those that state.json does not know to run, and remove the directory."""
        found: list[processes.Process] = []
        for directory in filter(Path.is_dir, self.directory.iterdir()):
            for process in processes.marked(str(directory)):
                found += [process, *processes.descendants(process.pid)]
        _kill(found)
        shutil.rmtree(self.directory)

    def inventory(self) -> list[dict[str, Any]]:
        """Return what Molecule's instance_config holds: an entry for each host that can run here."""
        return [
            {
                "instance": name,
                "address": host["address"],
                "port": host["port"],
                "user": "root" if self.isolated else getpass.getuser(),
                "identity_file": str(self.directory / "client_key"),
            }
            for name, host in self._hosts.items()
        ]

    @classmethod
    def attach(cls, directory: Path) -> Machines:
        """Return the hosts that another process started in directory; raise LabError when there are none."""
        found = cls(directory)
        try:
            state = json.loads(found._state.read_text())
        except FileNotFoundError as exc:
            raise LabError(f"no hosts in {found.directory}") from exc
        found.isolated = state["isolated"]
        found._hosts = state["hosts"]
        return found

    # -- inside

    @property
    def _state(self) -> Path:
        return self.directory / "state.json"

    def _save(self) -> None:
        draft = self._state.with_suffix(".new")
        draft.write_text(json.dumps({"isolated": self.isolated, "hosts": self._hosts}, indent=1))
        draft.rename(self._state)

    def _prepare(self, platform: Platform, number: int) -> None:
        """Make a host's directory, with its key and its entry in the state."""
        directory = self.directory / platform.name
        (directory / "scratch").mkdir(parents=True)
        (directory / "work").mkdir()
        _make_key(directory / "host_key")
        shutil.copy(self.directory / "client_key.pub", directory / "authorized_keys")
        behind = platform.network is not None and self.isolated
        host: dict[str, Any] = {
            "name": platform.name,
            "address": f"127.0.{3 if platform.network else 2}.{number}",
            # not 22, where a server of the machine that listens on all addresses would answer in its stead
            "port": _free_port() if behind else 0,
            "network": platform.network,
            "listens_inside": behind,
            "isolated": self.isolated,
            "directory": str(directory),
            "scratch": str(directory / "scratch"),
            "workdir": "/srv/work" if self.isolated else str(directory / "work"),
            "environment": {processes.MARKER: str(directory)},
        }
        if platform.python is not None:
            host["python"] = None if platform.python == "none" else pythons.find(platform.python)
            host["runs"] = self.isolated and (platform.python == "none" or host["python"] is not None)
        self._hosts[platform.name] = host

    def _spawn(self, host: dict[str, Any], listener: socket.socket | None) -> processes.Process:
        """Start the first process of a host and wait until it says that it is ready."""
        spec = Path(host["directory"]) / "spec.json"
        spec.write_text(json.dumps(host))
        read_end, write_end = os.pipe()
        descriptors = [write_end, *([listener.fileno()] if listener else [])]
        command = [sys.executable, "-m", "tests.machines.inside", str(spec), *map(str, descriptors)]
        log = Path(host["directory"]) / "log"
        try:
            with log.open("ab") as output:
                child = subprocess.Popen(
                    [*self._namespaces(host), *command],
                    cwd=CHECKOUT,
                    env={"PATH": os.environ["PATH"], "PYTHONDONTWRITEBYTECODE": "1", **host["environment"]},
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    pass_fds=descriptors,
                    start_new_session=True,
                )
        except BaseException:
            os.close(read_end)
            raise
        finally:
            os.close(write_end)
        try:
            readable, _, _ = select.select([read_end], [], [], _START_LIMIT_S)
            process = processes.look(child.pid)
            if process is None or not readable or os.read(read_end, 5) != b"ready":
                raise LabError(f"{host['name']} does not start: {log.read_text(errors='replace').strip()}")
        except BaseException:
            child.kill()
            child.wait()
            raise
        finally:
            os.close(read_end)
        return process

    def _namespaces(self, host: dict[str, Any]) -> list[str]:
        """Return the command that runs another one in the host's namespaces."""
        if not self.isolated:
            return []
        if not host["network"]:
            return ["unshare", *_NAMESPACES, "--net"]
        outer = processes.Process(**self._hosts[host["network"]]["process"]).pid
        return ["nsenter", f"--net=/proc/{outer}/ns/net", "unshare", *_NAMESPACES]

    def _write_ssh_files(self) -> None:
        """Write known_hosts, and an ssh_config that names the hosts, their keys and nothing of the user's."""
        known, config = [], []
        for name, host in self._hosts.items():
            key = " ".join((Path(host["directory"]) / "host_key.pub").read_text().split()[:2])
            place = host["address"] if host["port"] == 22 else f"[{host['address']}]:{host['port']}"
            known.append(f"{place} {key}\n")
            config.append(f"Host {name}\n  HostName {host['address']}\n  Port {host['port']}\n")
            if self.isolated:
                config.append("  User root\n")
        config.append(
            f"Host *\n  IdentityFile {self.directory / 'client_key'}\n  IdentitiesOnly yes\n"
            f"  UserKnownHostsFile {self.directory / 'known_hosts'}\n  GlobalKnownHostsFile none\n"
        )
        (self.directory / "known_hosts").write_text("".join(known))
        (self.directory / "ssh_config").write_text("".join(config))


def _can_isolate(directory: Path) -> bool:
    """Try whether this user may make namespaces and an overlay with its upper layer in memory."""
    if os.geteuid() != 0:
        return False
    with tempfile.TemporaryDirectory(dir=directory) as scratch:
        program = (
            'mount -t tmpfs tmpfs "$0" && mkdir "$0/u" "$0/w" "$0/r" &&'
            ' mount -t overlay -o "index=off,lowerdir=/,upperdir=$0/u,workdir=$0/w" overlay "$0/r"'
        )
        command = ["unshare", *_NAMESPACES, "--net", "sh", "-c", program, scratch]
        return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False).returncode == 0


def _kill(found: Sequence[processes.Process]) -> None:
    for each in found:
        with contextlib.suppress(ProcessLookupError):
            os.kill(each.pid, signal.SIGKILL)
    left = processes.wait_gone(found, _END_LIMIT_S)
    if left:
        raise LabError("does not end: " + ", ".join(each.command() for each in left))


def _free_port() -> int:
    """Return a port on which nothing of this machine listens, on no address."""
    with listen("0.0.0.0", 0) as listener:
        port: int = listener.getsockname()[1]
        return port


def _make_key(path: Path) -> None:
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "machine", "-f", str(path)],
        check=True,
        stdin=subprocess.DEVNULL,
    )
