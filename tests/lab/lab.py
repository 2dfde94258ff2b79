# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put the lab together: directory, server, accounts, inventories, configurations, runs, and the way back."""

from __future__ import annotations

import configparser
import getpass
import itertools
import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import accounts, playbook, processes
from tests.lab.errors import LabError
from tests.lab.sshd import TARGET_PATH, Sshd

CHECKOUT = Path(__file__).resolve().parents[2]

_HOSTS_PER_NET = 254

Playbook = str | os.PathLike[str] | Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class LabHost:
    """Describe one managed host: an address of this machine and a directory that is its alone."""

    name: str
    address: str
    workdir: Path


class Lab:
    """Run a private sshd and ansible-playbook against it; leave nothing behind.

    directory must not exist or be empty; without it a temporary one is made. As root the lab also has the accounts of
    tests/lab/accounts.py in `accounts`, unless with_accounts is False; otherwise everybody logs in as the current user
    and `accounts` is empty. wrapper: see Sshd.start.

    Threads: one thread uses a Lab.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str] | None = None,
        *,
        with_accounts: bool = True,
        wrapper: Sequence[str] = (),
    ) -> None:
        self.directory = Path(directory).absolute() if directory else Path(tempfile.mkdtemp(prefix="svclab-"))
        self.accounts: dict[str, accounts.Account] = {}
        self.user = getpass.getuser()
        self.sshd = Sshd(self.directory)
        self._with_accounts = with_accounts and os.geteuid() == 0
        self._wrapper = wrapper
        self._count = itertools.count(1)

    # -- up and down

    def __enter__(self) -> Lab:
        self.up()
        return self

    def __exit__(self, *_exc: object) -> None:
        self.down()

    def up(self) -> None:
        """Bring everything up; on any failure take down again what had come up."""
        if self.directory.exists() and any(self.directory.iterdir()):
            raise LabError(f"{self.directory} is not empty")
        try:
            self._up()
        except BaseException:
            self.down()
            raise

    def down(self) -> None:
        """End every process of the lab, give the accounts back and remove the directory. May be called twice."""
        if not self.directory.exists():
            return
        self.close_masters()
        server = self.sshd.process
        self.sshd.stop()
        processes.end(processes.marked(str(self.directory)))
        if server is not None and self._with_accounts:
            accounts.release(server)
        shutil.rmtree(self.directory)

    @classmethod
    def attach(cls, directory: str | os.PathLike[str]) -> Lab:
        """Return the lab that another process brought up in directory; raise LabError when there is none."""
        lab = cls(directory)
        try:
            state = json.loads(lab._state.read_text())
        except FileNotFoundError as exc:
            raise LabError(f"no lab in {lab.directory}") from exc
        lab._with_accounts = state["with_accounts"]
        lab.sshd.adopt(state["port"], processes.Process(**state["sshd"]))
        return lab

    # -- what a test asks for

    def hosts(self, count: int) -> list[LabHost]:
        """Return hosts host01 and on at 127.0.1.1 and on; their working directories exist and are empty at first."""
        width = max(2, len(str(count)))
        found = []
        for index in range(count):
            net, last = divmod(index, _HOSTS_PER_NET)
            name = f"host{index + 1:0{width}d}"
            workdir = self.directory / "hosts" / name
            if not workdir.exists():
                workdir.mkdir(parents=True)
                # Like /tmp: tasks with and without become write here.
                workdir.chmod(0o1777)
            found.append(LabHost(name, f"127.0.{net + 1}.{last + 1}", workdir))
        return found

    def inventory(self, count: int, **variables: Any) -> Path:
        """Write an inventory with count hosts in the group `lab`; variables hold for all of them."""
        hosts = {h.name: {"ansible_host": h.address, "workdir": str(h.workdir)} for h in self.hosts(count)}
        common = {
            "ansible_port": self.sshd.port,
            "ansible_user": self.user,
            "ansible_ssh_private_key_file": str(self.sshd.client_key),
            **variables,
        }
        # JSON is YAML, so the yaml inventory plugin reads it.
        return self._write(
            "inventory", "yml", json.dumps({"all": {"vars": common, "children": {"lab": {"hosts": hosts}}}}, indent=1)
        )

    def ansible_cfg(
        self,
        *,
        strategy: str = "linear",
        strategy_plugins: str | os.PathLike[str] | None = None,
        forks: int = 10,
        pipelining: bool = False,
        sections: Mapping[str, Mapping[str, object]] | None = None,
        **defaults: object,
    ) -> Path:
        """Write an ansible.cfg for the lab; defaults go to [defaults], sections[name] to the section of that name."""
        plugins = CHECKOUT / "ansible_svc" / "plugins"
        ssh_args = f"-C -o ControlMaster=auto -o ControlPersist=60s {self.ssh_options}"
        content: dict[str, dict[str, object]] = {
            "defaults": {
                "home": self.directory / "controller" / "ansible",
                "collections_path": self.directory / "collections",
                "strategy": strategy,
                "strategy_plugins": strategy_plugins or plugins / "strategy",
                "connection_plugins": plugins / "connection",
                "callback_plugins": f"{Path(__file__).parent / 'plugins' / 'callback'}:{plugins / 'callback'}",
                "doc_fragment_plugins": plugins / "doc_fragments",
                "callbacks_enabled": "jsonlines",
                "forks": forks,
                "host_key_checking": True,
                "interpreter_python": "auto_silent",
                "nocows": True,
                "retry_files_enabled": False,
                **defaults,
            },
            "connection": {"pipelining": pipelining},
            "ssh_connection": {"ssh_args": ssh_args, "control_path_dir": self._control_dir},
        }
        for name, options in (sections or {}).items():
            content.setdefault(name, {}).update(options)
        parser = configparser.RawConfigParser()
        parser.read_dict(content)
        path = self._path("ansible", "cfg")
        with open(path, "w", encoding="utf-8") as file:
            parser.write(file)
        return path

    @property
    def ssh_options(self) -> str:
        """Return what ssh has to be told to know the lab's hosts, and nobody else's."""
        return f"-o GlobalKnownHostsFile=/dev/null -o UserKnownHostsFile={self.sshd.known_hosts}"

    def env(self, cfg: Path | None = None, **variables: str) -> dict[str, str]:
        """Return the environment for a controller process: nothing of the caller's Ansible settings, HOME in the lab.

        Processes started with it carry the lab's marker and are ended with the lab.
        """
        kept = ("LANG", "LC_ALL", "TMPDIR", "TERM", "CI", "COVERAGE_PROCESS_START")
        environment = {name: os.environ[name] for name in kept if name in os.environ}
        environment |= {
            "HOME": str(self.directory / "controller"),
            "PATH": TARGET_PATH,
            "PYTHONPATH": str(CHECKOUT),
            processes.MARKER: str(self.directory),
        }
        environment.setdefault("LANG", "C.UTF-8")
        if cfg is not None:
            environment["ANSIBLE_CONFIG"] = str(cfg)
        return environment | variables

    def run_playbook(
        self,
        book: Playbook,
        inventory: Path | None = None,
        cfg: Path | None = None,
        extra_args: Sequence[str] = (),
        timeout_s: float = 120,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] = (),
    ) -> playbook.RunResult:
        """Run ansible-playbook to its end and close the ssh masters it left, which stock Ansible keeps on purpose.

        book: a path, or the plays themselves. inventory: one host unless given. cfg: that of ansible_cfg() unless
        given. env: variables beyond those of env(). command: another command than this environment's ansible-playbook.
        Raises PlaybookTimeoutError, and the hosts are swept clean of what the run did there.
        """
        path = self._write("playbook", "yml", json.dumps(book)) if _is_plays(book) else Path(os.fspath(book))  # type: ignore[arg-type]
        arguments = ["-i", str(inventory or self.inventory(1)), *extra_args, str(path.absolute())]
        try:
            return playbook.run(
                arguments,
                self.env(cfg or self.ansible_cfg(), **(env or {})),
                self.directory,
                timeout_s,
                self._path("events", "jsonl"),
                command,
            )
        except playbook.PlaybookTimeoutError:
            self._sweep()
            raise
        finally:
            self.close_masters()

    def close_masters(self) -> None:
        """Ask the ssh ControlMaster processes of this lab to exit."""
        for control_socket in self._control_dir.glob("*"):
            subprocess.run(
                ["ssh", "-F", "none", "-o", f"ControlPath={control_socket}", "-O", "exit", "lab"],
                env={"PATH": TARGET_PATH},
                stdin=subprocess.DEVNULL,
                capture_output=True,
                check=False,
                timeout=10,
            )
            control_socket.unlink(missing_ok=True)

    def processes(self) -> list[processes.Process]:
        """List every process of the lab besides the listening sshd: on the controller's side and on the hosts'."""
        server = self.sshd.process.pid if self.sshd.process else 0
        found = {p.pid: p for p in [*processes.marked(str(self.directory)), *self.sshd.sessions()]}
        return [process for pid, process in sorted(found.items()) if pid != server]

    def temporary_directories(self) -> list[Path]:
        """List the directories in which the hosts' sessions keep what has to be gone after a task."""
        return [path for path in (self.remote_tmp, self._tmpdir) if path.exists()]

    @property
    def remote_tmp(self) -> Path:
        """Where modules on the hosts make their temporary directories (ansible-core's remote_tmp)."""
        return self.directory / "home" / self.user / ".ansible" / "tmp"

    # -- inside

    @property
    def _state(self) -> Path:
        return self.directory / "lab.json"

    @property
    def _control_dir(self) -> Path:
        # Short: sun_path holds 108 bytes (unix(7)), and ssh adds 17 while it binds.
        return self.directory / "cp"

    @property
    def _tmpdir(self) -> Path:
        return self.directory / "tmp"

    def _up(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        # sshd reads authorized_keys with the rights of the account that logs in.
        self.directory.chmod(0o755)
        for name in ("controller", "cp", "home", "hosts", "tmp"):
            (self.directory / name).mkdir()
        self._tmpdir.chmod(0o1777)
        self._link_collection()
        homes = {self.user: self.directory / "home" / self.user}
        for home in homes.values():
            home.mkdir()
        self.sshd.start(homes, {processes.MARKER: str(self.directory), "TMPDIR": str(self._tmpdir)}, self._wrapper)
        server = self.sshd.process
        assert server is not None
        if self._with_accounts:
            self.accounts = accounts.acquire(server)
        self._state.write_text(
            json.dumps({"port": self.sshd.port, "sshd": vars(server), "with_accounts": self._with_accounts})
        )

    def _sweep(self) -> None:
        """End every process of the lab but sshd, and empty the temporary directories."""
        self.close_masters()
        processes.end(self.processes())
        for directory in self.temporary_directories():
            for path in directory.iterdir():
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _link_collection(self) -> None:
        """Make the checkout answer to its collection's name, as it does once it is installed."""
        collection = self.directory / "collections" / "ansible_collections" / "ansible_svc" / "svc"
        collection.mkdir(parents=True)
        for name, source in (("plugins", "ansible_svc/plugins"), ("meta", "meta"), ("galaxy.yml", "galaxy.yml")):
            (collection / name).symlink_to(CHECKOUT / source)

    def _path(self, stem: str, suffix: str) -> Path:
        return self.directory / f"{stem}-{next(self._count)}.{suffix}"

    def _write(self, stem: str, suffix: str, text: str) -> Path:
        path = self._path(stem, suffix)
        path.write_text(text)
        return path


def _is_plays(book: Playbook) -> bool:
    return not isinstance(book, (str, os.PathLike))
