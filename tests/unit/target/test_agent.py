# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The agent without zygotes: what it asks of them, and what it makes of their answers."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import queue
import subprocess
import sys
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.errors import DisconnectedError, Error
from ansible_svc.service.outcome import Answer
from ansible_svc.service.testing import FakeNetwork, FakeRequest
from ansible_svc.store import LayeredStore, MemoryStore
from ansible_svc.target import agent
from ansible_svc.target.agent import AgentService
from ansible_svc.target.bundles import Bundles
from ansible_svc.target.preparations import PreparationError
from ansible_svc.target.spawner import Outcome, ZygoteGone

PATIENCE_S = 20
CODE = b"code"
DIGEST = hashlib.sha256(CODE).hexdigest()
MANIFEST = json.dumps({"files": [["ansible/modules/x.py", DIGEST]], "modules": ["base"]}).encode()
NAME = hashlib.sha256(MANIFEST).hexdigest()


def pack(*blobs: bytes) -> bytes:
    return zlib.compress(b"".join(len(blob).to_bytes(4, "big") + blob for blob in blobs))


class FakeZygote:
    """Be a zygote that answers when the test says so."""

    def __init__(self) -> None:
        self.bundles: set[str] = set()
        self.blobs: set[str] = set()
        self.answered = False
        self.gone: str | None = None
        self.started: list[tuple[dict[str, Any], bytes]] = []
        self.finished: Any = None
        self.killed: list[int] = []

    def start(self, header: dict[str, Any], body: bytes, finished: Any, before: Any = bytes) -> int:
        if self.gone is not None:
            raise ZygoteGone(self.gone)
        before()
        self.started.append((header, body))
        self.finished = finished
        return len(self.started)

    def kill(self, number: int) -> None:
        self.killed.append(number)


class FakeSpawner:
    """Be all zygotes of an agent: always the same one."""

    def __init__(self, sources: Callable[[], dict[str, bytes]], forked: Any = None) -> None:
        self.sources = sources
        self.fake = FakeZygote()
        self.asked: list[tuple[str, dict[str, str] | None]] = []
        self.error: OSError | None = None
        self.closed = 0

    @contextlib.contextmanager
    def zygote(self, interpreter: str, files: dict[str, str] | None = None) -> Iterator[FakeZygote]:
        self.asked.append((interpreter, files))
        if self.error is not None:
            raise self.error
        yield self.fake

    def close(self) -> None:
        self.closed += 1


class Stage:
    """Hold an agent that was told hello."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(agent, "Spawner", FakeSpawner)
        self.agent = AgentService(FakeNetwork().router(1, parent_ids=[0]))
        self.request = FakeRequest()
        self.facts = self.agent.hello(sources=lambda: {"frames": b"x"}, candidates=["sh", "no-such-program"])

    @property
    def spawner(self) -> Any:
        return self.agent._spawner

    def run(self, **changed: Any) -> Any:
        options = {
            "bundle": NAME,
            "pack": pack(MANIFEST, CODE),
            "interpreter": "/usr/bin/python3",
            "module": {"fqn": "ansible.modules.x"},
            "arguments": b"{}",
            "before": [],
            **changed,
        }
        return self.agent.run_module(**options, request=self.request)

    def command(self, **changed: Any) -> Any:
        options = {"argv": ["true"], "stdin": b"in", "cwd": None, "env": {}, "pty": False, "before": [], **changed}
        return self.agent.exec_command(**options, request=self.request)


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


def value(deferred: Any) -> Any:
    """Return what a Deferred was resolved with."""
    seen: list[Any] = []
    deferred.on_settled(seen.append)
    [outcome] = seen
    assert isinstance(outcome, Answer)
    return outcome.value


def awaited(deferred: Any) -> Any:
    """Wait for what a Deferred is settled with, and return or raise it."""
    seen: queue.Queue[Any] = queue.Queue()
    deferred.on_settled(seen.put)
    return seen.get(timeout=PATIENCE_S).unwrap()


def wait_until(condition: Any) -> None:
    ends = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < ends
        time.sleep(0.01)


class Outdated:
    """Be an outdated session."""

    def is_outdated(self) -> bool:
        return True


def test_in_an_outdated_session_nothing_is_done_unless_anyway(stage: Stage, tmp_path: Path) -> None:
    stage.agent._session = Outdated()  # type: ignore[assignment]
    before = [{"do": "mkdir", "path": str(tmp_path / "new"), "mode": 0o700, "own": False}]
    assert stage.run(before=before) == stage.command(before=before) == {"outdated": True}
    assert not (tmp_path / "new").exists()
    assert stage.spawner.asked == []
    stage.command(before=before, anyway=True)
    assert (tmp_path / "new").exists()
    stage.run(anyway=True)
    assert len(stage.spawner.asked) == 2


def test_hello_tells_about_the_host(stage: Stage) -> None:
    facts = stage.facts
    assert (facts["python"], facts["pid"], facts["uid"]) == (sys.executable, os.getpid(), os.getuid())
    assert facts["version"] == list(sys.version_info[:3])
    assert facts["candidates"] == ["sh", "no-such-program"]
    [found] = facts["found"]
    assert os.path.basename(found) == "sh"
    assert stage.spawner.sources() == {"frames": b"x"}


LOOK = b'{"stat": {"exists": true, "checksum": "one"}}'


def step(checksum: str, **changed: Any) -> dict[str, Any]:
    return {
        "when": [[["stat", "exists"], True, True], [["stat", "checksum"], True, checksum]],
        "bundle": NAME,
        "module": {"fqn": "ansible.modules.x"},
        "arguments": b"second",
        "before": [],
        **changed,
    }


def until_started(stage: Stage, count: int) -> None:
    """Wait for the thread that starts what follows."""
    ends = time.monotonic() + PATIENCE_S
    while len(stage.spawner.fake.started) < count:
        assert time.monotonic() < ends
        time.sleep(0.001)


def test_what_fits_the_answer_follows_at_once(stage: Stage, tmp_path: Path) -> None:
    made = str(tmp_path / "made")
    before = [{"do": "mkdir", "path": made, "mode": 0o700, "own": True}]
    answer = stage.run(then=[step("other"), step("one", before=before)])
    stage.spawner.fake.finished(Outcome(0, LOOK))
    until_started(stage, 2)
    assert stage.spawner.fake.started[1][1] == b"second"
    assert os.path.isdir(made)
    stage.spawner.fake.finished(Outcome(3, b"out", b"err"))
    assert value(answer) == {
        "rc": 0,
        "out": LOOK,
        "err": b"",
        "followed": 1,
        "then": {"rc": 3, "out": b"out", "err": b"err"},
    }


@pytest.mark.parametrize("outcome", [Outcome(0, LOOK), Outcome(1, LOOK), Outcome(0, b"junk"), Outcome(0, b"[]")])
def test_nothing_follows_what_nothing_fits(stage: Stage, outcome: Outcome) -> None:
    answer = stage.run(then=[step("other" if outcome.out == LOOK and not outcome.rc else "one")])
    stage.spawner.fake.finished(outcome)
    assert value(answer) == {"rc": outcome.rc, "out": outcome.out, "err": b""}


def test_what_cannot_be_prepared_does_not_follow_and_leaves_nothing(stage: Stage, tmp_path: Path) -> None:
    made = str(tmp_path / "made")
    mkdir = {"do": "mkdir", "path": made, "mode": 0o700, "own": True}
    answer = stage.run(then=[step("one", before=[mkdir, {"do": "add_mode", "paths": ["/no/such"], "bits": 1}])])
    stage.spawner.fake.finished(Outcome(0, LOOK))
    ends = time.monotonic() + PATIENCE_S
    while not answer.done():
        assert time.monotonic() < ends
        time.sleep(0.001)
    assert value(answer) == {"rc": 0, "out": LOOK, "err": b""}
    assert not os.path.exists(made)


def test_what_may_follow_has_to_be_there_as_well(stage: Stage) -> None:
    assert stage.run(then=[step("one", bundle="f" * 64)]) == {"missing": ["f" * 64]}


def test_nothing_runs_before_hello() -> None:
    with pytest.raises(RuntimeError, match="hello"):
        AgentService(None).exec_command(
            argv=["true"], stdin=b"", cwd=None, env={}, pty=False, before=[], request=FakeRequest()
        )


def test_the_end_closes_the_zygotes(stage: Stage) -> None:
    stage.agent.on_shutdown()
    assert stage.spawner.closed == 1
    AgentService(None).on_shutdown()


# -- modules


def test_a_module_runs_with_what_was_sent(stage: Stage) -> None:
    deferred = stage.run()
    assert stage.spawner.asked == [("/usr/bin/python3", {"ansible/modules/x.py": DIGEST})]
    [(header, body)] = stage.spawner.fake.started
    assert header == {"op": "run", "bundle": NAME, "fqn": "ansible.modules.x"}
    assert body == b"{}"
    assert not deferred.done()
    stage.spawner.fake.finished(Outcome(3, b"out", b"err"))
    assert value(deferred) == {"rc": 3, "out": b"out", "err": b"err"}


@pytest.mark.parametrize(
    ("sent", "missing"),
    [
        (b"", [NAME]),
        (pack(MANIFEST), [DIGEST]),
        (pack(CODE), [NAME]),
    ],
    ids=["nothing", "manifest only", "blobs only"],
)
def test_what_is_missing_is_said_before_anything_is_done(
    stage: Stage, tmp_path: Path, sent: bytes, missing: list[str]
) -> None:
    before = [{"do": "mkdir", "path": str(tmp_path / "made"), "mode": 0o700, "own": False}]
    assert stage.run(pack=sent, before=before) == {"missing": missing}
    assert (stage.spawner.asked, stage.spawner.fake.started) == ([], [])
    assert not (tmp_path / "made").exists()
    stage.run(before=before)
    assert (tmp_path / "made").is_dir()


def test_what_was_sent_once_need_not_be_sent_again(stage: Stage) -> None:
    stage.run()
    assert stage.run(pack=b"").done() is False
    assert len(stage.spawner.fake.started) == 2


def test_other_code_does_not_run_in_the_place_of_what_was_named(stage: Stage) -> None:
    assert stage.run(pack=pack(MANIFEST, b"other code")) == {"missing": [DIGEST]}
    assert stage.spawner.fake.started == []


@pytest.mark.parametrize(
    ("error", "rc", "words"),
    [
        (FileNotFoundError(errno.ENOENT, "x"), 127, b"/bin/sh: 1: /usr/bin/python3: not found\n"),
        (PermissionError(errno.EACCES, "Permission denied"), 126, b"/bin/sh: 1: /usr/bin/python3: Permission denied\n"),
        (OSError(errno.ENOEXEC, "Exec format error"), 126, b"/bin/sh: 1: /usr/bin/python3: Exec format error\n"),
    ],
)
def test_an_interpreter_that_does_not_start(stage: Stage, error: OSError, rc: int, words: bytes) -> None:
    """The words are a shell's, because ansible-core's action plugins look for them."""
    stage.spawner.error = error
    assert stage.run() == {"rc": rc, "out": b"", "err": words}


def test_an_interpreter_that_is_of_no_use(stage: Stage) -> None:
    deferred = stage.run()
    stage.spawner.fake.finished(Outcome(-9, error="SyntaxError: invalid syntax"))
    assert value(deferred) == {"unusable": "SyntaxError: invalid syntax"}


def test_a_zygote_that_is_gone_already(stage: Stage) -> None:
    stage.spawner.fake.gone = "SyntaxError"
    assert stage.run() == {"unusable": "SyntaxError"}


def test_a_zygote_that_ends_later_is_no_reason_to_go_another_way(stage: Stage) -> None:
    """It may have run the module already; a second run would do everything twice."""
    deferred = stage.run()
    stage.spawner.fake.answered = True
    stage.spawner.fake.finished(Outcome(-9, error="it ended"))
    assert value(deferred) == {"rc": 126, "out": b"", "err": b"it ended"}


def test_a_module_that_nobody_waits_for_is_killed(stage: Stage) -> None:
    stage.run()
    assert stage.spawner.fake.killed == []
    stage.request.cancel(TimeoutError())
    assert stage.spawner.fake.killed == [1]


# -- commands


def test_a_command(stage: Stage) -> None:
    deferred = stage.command(argv=["a", "b"], cwd="/x", env={"K": "v"}, pty=True)
    assert stage.spawner.asked == [(sys.executable, None)]
    header = {"op": "exec", "argv": ["a", "b"], "cwd": "/x", "env": {"K": "v"}, "pty": True}
    assert stage.spawner.fake.started == [(header, b"in")]
    stage.spawner.fake.finished(Outcome(0, b"out", b"err"))
    assert value(deferred) == {"rc": 0, "out": b"out", "err": b"err"}


def test_whoever_asks_is_told_how_long_it_took(stage: Stage) -> None:
    answers = [stage.run(timed=True)]
    stage.spawner.fake.finished(Outcome(rc=0, out=b"", err=b""))
    answers.append(stage.command(timed=True))
    stage.spawner.fake.finished(Outcome(rc=0, out=b"", err=b""))
    for answer in map(value, answers):
        ready_s, run_s = answer.pop("took")
        assert ready_s >= 0
        assert run_s >= 0
        assert answer == {"rc": 0, "out": b"", "err": b""}


def test_memory_that_is_too_small_costs_only_sending(stage: Stage, tmp_path: Path) -> None:
    """What came with a request needs no memory; what is gone later is asked for, as if nothing had been prepared."""
    stage.agent._bundles = Bundles(LayeredStore(MemoryStore(0)))
    assert value(stage_answer(stage, stage.run())) == {"rc": 0, "out": b"", "err": b""}
    stage.spawner.fake.bundles.clear()  # another zygote
    before = [mkdir(tmp_path / "made", own=True)]
    assert stage.run(pack=b"", before=before) == {"missing": [DIGEST]}
    assert len(stage.spawner.fake.started) == 1
    assert not (tmp_path / "made").exists()
    again = stage.run(pack=pack(MANIFEST, CODE), before=before)
    assert value(stage_answer(stage, again)) == {"rc": 0, "out": b"", "err": b""}
    assert (tmp_path / "made").exists()


def stage_answer(stage: Stage, deferred: Any) -> Any:
    """Have the zygote say that the module has ended."""
    stage.spawner.fake.finished(Outcome(0))
    return deferred


@pytest.mark.parametrize(("number", "rc"), [(errno.ENOENT, 127), (errno.EACCES, 126), (0, 126)])
def test_a_command_that_does_not_start(stage: Stage, number: int, rc: int) -> None:
    deferred = stage.command()
    stage.spawner.fake.finished(Outcome(-1, error="words", errno=number))
    assert value(deferred) == {"rc": rc, "out": b"", "err": b"words"}


def test_a_command_that_nobody_waits_for_is_killed(stage: Stage) -> None:
    stage.command()
    stage.request.cancel(TimeoutError())
    assert stage.spawner.fake.killed == [1]


# -- preparations


def prepare(stage: Stage, *before: dict[str, Any]) -> None:
    stage.agent.prepare(before=list(before), request=stage.request)


def mkdir(path: Path, mode: int = 0o700, own: bool = False) -> dict[str, Any]:
    return {"do": "mkdir", "path": str(path), "mode": mode, "own": own}


def test_a_directory_and_its_parents(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The umask is the process's: other threads would feel it."""
    monkeypatch.setattr(os, "umask", lambda mask: pytest.fail("the umask was changed"))
    prepare(stage, mkdir(tmp_path / "a" / "b", 0o755))
    assert [(tmp_path / part).stat().st_mode & 0o7777 for part in ("a", "a/b")] == [0o700, 0o755]


def test_preparations_are_done_in_order_until_one_fails(stage: Stage, tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(PreparationError) as caught:
        prepare(stage, mkdir(tmp_path / "first"), mkdir(tmp_path / "there"), mkdir(tmp_path / "never"))
    assert caught.value.details["index"] == 1
    assert "File exists" in caught.value.details["reason"]
    assert ((tmp_path / "first").is_dir(), (tmp_path / "never").exists()) == (True, False)


def test_files_and_modes(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "file"
    digest = hashlib.sha256(b"content").hexdigest()
    write = {"do": "write", "path": str(path), "digest": digest, "size": 7, "mode": 0o600, "content": b"content"}
    prepare(stage, write, {"do": "add_mode", "paths": [str(path)], "bits": 0o110})
    assert path.read_bytes() == b"content"
    assert path.stat().st_mode & 0o777 == 0o710


def test_a_command_waits_for_its_preparations(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(PreparationError):
        stage.command(before=[mkdir(tmp_path)])
    assert stage.spawner.fake.started == []
    stage.command(before=[mkdir(tmp_path / "made")])
    assert (tmp_path / "made").is_dir()


def test_what_was_made_for_one_task_goes_with_the_agent(stage: Stage, tmp_path: Path) -> None:
    prepare(stage, mkdir(tmp_path / "own", own=True), mkdir(tmp_path / "kept"), mkdir(tmp_path / "removed", own=True))
    (tmp_path / "own" / "file").write_text("x")
    stage.agent.remove(path=str(tmp_path / "removed"))
    (tmp_path / "removed").mkdir()  # by somebody else
    stage.agent.on_shutdown()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["kept", "removed"]


def test_remove(stage: Stage, tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.mkdir()
    (target / "kept").write_text("x")
    (tmp_path / "link").symlink_to(target)
    (tmp_path / "file").write_text("x")
    (tmp_path / "tree" / "deep").mkdir(parents=True)
    for name in ("link", "file", "tree", "absent"):
        stage.agent.remove(path=str(tmp_path / name))
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    assert (target / "kept").exists()


def test_waiting_for_the_end_of_a_process(stage: Stage) -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    with process:
        assert awaited(stage.agent.wait_gone(pid=process.pid, seconds=0)) is False
    assert awaited(stage.agent.wait_gone(pid=process.pid, seconds=PATIENCE_S)) is True


class SlowWriter:
    """Be a file writer whose content comes when the test says so."""

    def __init__(self) -> None:
        self.arrived = threading.Event()
        self.error: Error | None = None
        self.written: list[str] = []

    def write(self, path: str, *_: Any, **__: Any) -> None:
        assert self.arrived.wait(PATIENCE_S)
        if self.error is not None:
            raise self.error
        self.written.append(path)


def fetched(path: Path) -> dict[str, Any]:
    return {"do": "write", "path": str(path), "digest": "0" * 64, "size": 1 << 30, "mode": 0o600, "content": None}


@pytest.fixture
def writer(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> SlowWriter:
    writer = SlowWriter()
    monkeypatch.setattr(stage.agent, "_files", writer)
    return writer


def test_what_waits_for_a_file_holds_no_thread_of_the_pool(stage: Stage, writer: SlowWriter, tmp_path: Path) -> None:
    """All of these would come to their end here, one after the other, before the file is there."""
    path = tmp_path / "file"
    waiting = [stage.run(before=[fetched(path)]), stage.command(before=[fetched(path)])]
    prepared = stage.agent.prepare(before=[fetched(path)], request=stage.request)
    assert [deferred.done() for deferred in (*waiting, prepared)] == [False, False, False]
    assert stage.spawner.fake.started == []
    writer.arrived.set()
    assert awaited(prepared) is None
    wait_until(lambda: len(stage.spawner.fake.started) == 2)
    assert writer.written == [str(path)] * 3


def test_a_file_that_does_not_come_fails_what_waits_for_it(stage: Stage, writer: SlowWriter, tmp_path: Path) -> None:
    writer.error = DisconnectedError("gone")
    deferred = stage.run(before=[mkdir(tmp_path / "made"), fetched(tmp_path / "file")])
    writer.arrived.set()
    with pytest.raises(PreparationError, match="gone") as caught:
        awaited(deferred)
    assert caught.value.details["index"] == 1
    assert stage.spawner.fake.started == []


def test_a_file_that_comes_for_nothing(stage: Stage, writer: SlowWriter, tmp_path: Path) -> None:
    """The interpreter turns out to be missing when the file is there."""
    stage.spawner.error = FileNotFoundError(errno.ENOENT, "No such file")
    deferred = stage.run(before=[fetched(tmp_path / "file")])
    writer.arrived.set()
    assert awaited(deferred)["rc"] == 127
