# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give tests the agent's side of real zygotes, and modules to run in them."""

from __future__ import annotations

import itertools
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from ansible import constants as C
from ansible.executor.module_common import modify_module
from ansible.module_utils.basic import _PY_MIN
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader, module_loader
from ansible.template import Templar
from ansible.utils.collection_loader import AnsibleCollectionConfig

from ansible_svc import target
from ansible_svc.compat.module_build import AnsiballZ, build
from ansible_svc.compat.task_run import UNIFIED_RESULTS
from ansible_svc.services.modules import PRELOAD
from ansible_svc.store import LayeredStore, MemoryStore, digest_bytes
from ansible_svc.target.bundles import Bundles
from ansible_svc.target.spawner import Outcome, Spawner, Zygote
from ansible_svc.target.zygote_boot import SOURCES

PATIENCE_S = 60.0


def inherited_as_ignored() -> set[int]:
    """Return the signals that this process, and so all it starts, ignores, but for those that Python itself does."""
    of_python = {signal.SIGPIPE, signal.SIGXFSZ}
    return {number for number in signal.valid_signals() - of_python if signal.getsignal(number) is signal.SIG_IGN}


"""How long a test waits for what must happen. Only a test that fails ever waits this long."""

PRELUDE = "from ansible.module_utils.basic import AnsibleModule\n"
"""What makes a Python file a module of the new style."""

TELL = "import sys; print('%d.%d' % sys.version_info[:2])"


def sources() -> dict[str, bytes]:
    """Return the zygote's files as the controller sends them."""
    folder = Path(target.__path__[0]).parent
    return {name: folder.joinpath(*name.split(".")).with_suffix(".py").read_bytes() for name in SOURCES}


def interpreters() -> dict[str, str]:
    """Return one interpreter for each minor version that the modules of this ansible-core support."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python"))
    on_path = [Path(path) for minor in range(8, 15) if (path := shutil.which(f"python3.{minor}"))]
    found: dict[str, str] = {}
    for path in [*kept, *on_path, Path(sys.executable)]:
        version = subprocess.run([path, "-c", TELL], capture_output=True, text=True, check=False, timeout=20).stdout
        # pyenv puts names on PATH that only say which version is not selected.
        if version and tuple(map(int, version.split("."))) >= _PY_MIN:
            found.setdefault(version.strip(), str(path))
    return dict(sorted(found.items(), key=lambda item: tuple(map(int, item[0].split(".")))))


INTERPRETERS = interpreters()


@dataclass
class Running:
    """A process that a zygote was asked for."""

    zygote: Zygote
    number: int
    outcomes: queue.SimpleQueue[Outcome]

    def result(self) -> Outcome:
        """Wait for its end."""
        return self.outcomes.get(timeout=PATIENCE_S)

    def kill(self) -> None:
        """Have the zygote kill it."""
        self.zygote.kill(self.number)


@dataclass(frozen=True)
class Module:
    """A built module, as the agent knows it."""

    name: str
    parts: AnsiballZ

    @property
    def files(self) -> dict[str, str]:
        """Return path -> digest."""
        return {path: digest_bytes(content) for path, content in self.parts.files.items()}


class Bench:
    """Be an agent, without a controller: bundles, zygotes, and a folder for modules and what they leave.

    Threads: the test's.
    """

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self._monkeypatch = monkeypatch
        self._built = itertools.count()
        self.spawner = Spawner(sources)
        self.bundles = Bundles(LayeredStore(MemoryStore(64 << 20)))
        self.interpreter = sys.executable

    def keep_code(self, folder: Path) -> None:
        """Have new zygotes keep compiled code in a folder, and start anew; modules are to be made after this."""
        self.spawner.close()
        self.spawner = Spawner(sources)
        self.bundles = Bundles(LayeredStore(MemoryStore(64 << 20)), (str(folder), 64 << 20))

    def shipped(self, name: str) -> Module:
        """Build one of ansible-core's modules."""
        return self._kept(build(name, module_loader.find_plugin(name)))

    def module(
        self,
        name: str,
        source: str,
        changed: dict[str, Callable[[bytes], bytes]] | None = None,
        beside: Module | None = None,
    ) -> Module:
        """Build a module.

        Parameters:
            source: its text, without the PRELUDE.
            changed: path of a file in the bundle -> function from its content to another.
            beside: one of ansible-core's modules. Put this one into the same package, and with it all that the other
                imports: a runner that has run the other may then run this one.
        """
        path = self.folder / f"{name}.py"
        path.write_text(PRELUDE + source)
        # ansible-core keeps what it built by name.
        self._monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(self.folder / f"built{next(self._built)}"))
        parts = build(name, str(path))
        for relative, change in (changed or {}).items():
            assert parts is not None
            parts.files[relative] = change(parts.files[relative])
        if beside is not None:
            assert parts is not None
            files = {path.replace("ansible/legacy/", "ansible/modules/"): each for path, each in parts.files.items()}
            parts = parts._replace(fqn=f"ansible.modules.{name}", files={**beside.parts.files, **files})
        return self._kept(parts)

    def _kept(self, parts: AnsiballZ | None) -> Module:
        assert parts is not None
        pairs = [[relative, digest_bytes(content)] for relative, content in parts.files.items()]
        manifest = json.dumps({"files": pairs, "modules": list(PRELOAD)}).encode()
        self.bundles.add(self.pack([manifest, *parts.files.values()]))
        bundle = digest_bytes(manifest)
        assert self.bundles.missing(bundle, {}) == []
        return Module(bundle, parts)

    @staticmethod
    def pack(blobs: Iterable[bytes]) -> bytes:
        """Return blobs as they travel to an agent."""
        return zlib.compress(b"".join(len(blob).to_bytes(4, "big") + blob for blob in blobs), 1)

    def stock(self, name: str, source: str) -> tuple[int, bytes, bytes]:
        """Run a module as ansible-core pipes it into an interpreter; return exit status and both outputs."""
        path = self.folder / f"{name}.py"
        path.write_text(PRELUDE + source)
        variables = {"ansible_python_interpreter": self.interpreter}
        options: dict[str, Any] = {"shell_plugin": None} if UNIFIED_RESULTS else {}
        self._monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(self.folder / f"built{next(self._built)}"))
        built = modify_module(
            module_name=name,
            module_path=str(path),
            module_args={},
            templar=Templar(loader=DataLoader(), variables=variables),
            task_vars=variables,
            **options,
        )
        ended = subprocess.run(
            [self.interpreter],
            input=built.b_module_data,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
            env={**os.environ, "TMPDIR": str(self.folder)},  # a module that is killed leaves its payload behind
        )
        return ended.returncode, ended.stdout, ended.stderr

    def start(
        self,
        module: Module,
        arguments: dict[str, Any] | None = None,
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        nofile: int = 0,
        interpreter: str | None = None,
        reuse: bool = False,
    ) -> Running:
        """Start a run of a module; reuse: in a runner that may have run others, and may run others afterwards."""
        encoder = get_module_encoder(module.parts.profile, Direction.CONTROLLER_TO_MODULE)
        header = {
            "op": "run",
            "bundle": module.name,
            "fqn": module.parts.fqn,
            "name": module.parts.fqn.rpartition(".")[2],
            "profile": module.parts.profile,
            "env": env or {},
            "cwd": cwd,
            "nofile": nofile,
            "reuse": reuse,
        }
        body = json.dumps({"ANSIBLE_MODULE_ARGS": arguments or {}}, cls=encoder).encode()
        outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        with self.spawner.zygote(interpreter or self.interpreter, module.files) as zygote:
            blobs, _missing = self.bundles.parts_for(module.name, zygote, {})
            number = zygote.start(
                header, body, outcomes.put, before=lambda: self.bundles.frames_for(module.name, zygote, blobs)
            )
        return Running(zygote, number, outcomes)

    def zygote(self) -> Zygote:
        """Return the zygote that a command would be started in."""
        with self.spawner.zygote(self.interpreter) as zygote:
            return zygote

    def run(self, module: Module, arguments: dict[str, Any] | None = None, **options: Any) -> Outcome:
        """Run a module to its end; options as for start."""
        return self.start(module, arguments, **options).result()

    def start_command(
        self,
        argv: list[str],
        stdin: bytes = b"",
        *,
        env: dict[str, str] | None = None,
        cwd: str | None = None,
        pty: bool = False,
    ) -> Running:
        """Start a command."""
        outcomes: queue.SimpleQueue[Outcome] = queue.SimpleQueue()
        header: dict[str, object] = {"op": "exec", "argv": argv, "cwd": cwd, "env": env or {}, "pty": pty}
        with self.spawner.zygote(self.interpreter) as zygote:
            return Running(zygote, zygote.start(header, stdin, outcomes.put), outcomes)

    def command(self, argv: list[str], stdin: bytes = b"", **options: Any) -> Outcome:
        """Run a command to its end; options as for start_command."""
        return self.start_command(argv, stdin, **options).result()

    def sh(self, script: str, stdin: bytes = b"", **options: Any) -> Outcome:
        """Run a shell script to its end."""
        return self.command(["/bin/sh", "-c", script], stdin, **options)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([])
    bench = Bench(tmp_path, monkeypatch)
    yield bench
    bench.spawner.close()


def answer(outcome: Outcome) -> dict[str, Any]:
    """Return what a module printed as JSON; everything else fails the test."""
    assert (outcome.rc, outcome.error) == (0, None), (outcome.rc, outcome.error, outcome.out, outcome.err)
    result: dict[str, Any] = json.loads(outcome.out)
    return result


def eventually(condition: Callable[[], Any], what: str = "it") -> Any:
    """Wait until something that another process does has happened; return what the condition returned then."""
    limit = time.monotonic() + PATIENCE_S
    pause = threading.Event()
    while not (value := condition()):
        assert time.monotonic() < limit, f"{what} did not happen"
        pause.wait(0.01)
    return value


def alive(pid: int) -> bool:
    """Tell whether a process runs (a zombie does not)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"


def read_pid(path: Path) -> int:
    """Wait until a process has written its pid to a file, followed by a newline, and return it."""
    text = eventually(lambda: path.exists() and path.read_text().endswith("\n") and path.read_text(), str(path))
    return int(text)


def end(pid: int) -> None:
    """Kill a process that a test left on purpose, and wait until it is gone."""
    if alive(pid):
        os.kill(pid, 9)
    eventually(lambda: not alive(pid), f"the end of {pid}")
