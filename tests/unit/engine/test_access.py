# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task asks of a host, and how little of it travels twice."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_svc.engine.access import Access
from ansible_svc.engine.calls import Finished, ModuleCall, Place
from ansible_svc.engine.preparing import AddMode, CopyFile, MakeDirectory, WriteBytes
from ansible_svc.engine.probe import Span
from ansible_svc.engine.running import Run, running
from ansible_svc.engine.statistics import Counters
from ansible_svc.errors import CancelledError
from ansible_svc.services.files import FileService
from ansible_svc.services.host import Host
from ansible_svc.services.links import Uses
from ansible_svc.services.modules import Bundle, ModuleService
from ansible_svc.store import FileAccessError, digest_bytes
from ansible_svc.transport.identity import Identity, LocalLogin
from tests.unit.engine.conftest import FakeCall

PLACE = Place(Identity(LocalLogin()), ("python3",))
BUNDLE = Bundle(
    name="one", fqn="ansible.modules.x", profile="legacy", shebang=("/usr/bin/python",), files=(("a", "1"), ("b", "2"))
)
CALL = ModuleCall(
    bundle=BUNDLE,
    path="/library/x.py",
    name="x",
    interpreter="/usr/bin/python3",
    arguments=b"{}",
    environment={"K": "v"},
    open_files=7,
    directory="/d",
)


class FakeContext:
    """Be a mitogen context."""

    context_id = 5


class FakeHost(Host):
    """Be a host whose agent answers what the test says."""

    def __init__(self) -> None:
        super().__init__(PLACE.identity, FakeContext(), {"home": "/h"})
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.told: list[tuple[str, dict[str, Any]]] = []
        self.answers: list[Any] = []
        self.granted: list[bool] = []
        self.files: FileService | None = None

    def call_async(self, method: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        self.asked.append((method, arguments))
        call = FakeCall()
        if self.answers:
            call.answer(self.answers.pop(0))
        if self.files is not None:
            self.granted.append(self.files.statistics().grants > 0)
        return call

    def notify(self, method: str, **arguments: Any) -> None:
        self.told.append((method, arguments))


class FakeContexts:
    """Be a ContextService with one host."""

    def __init__(self, host: FakeHost) -> None:
        self._host = host
        self.forgotten: list[Any] = []
        self.renewed: list[FakeHost] = []
        self.ahead: list[tuple[Any, Any, Any]] = []

    def connect_ahead(self, identity: Any, candidates: Any, uses: Any) -> None:
        self.ahead.append((identity, candidates, uses))

    def renew(self, host: FakeHost) -> None:
        self.renewed.append(host)

    def host(self, identity: Any, candidates: Any, wait: object = None, uses: object = None) -> FakeHost:
        assert (identity, candidates) == (PLACE.identity, PLACE.candidates)
        return self._host

    def forget(self, login: Any) -> None:
        self.forgotten.append(login)

    def log_out(self, login: Any, user: str) -> None:
        self.forgotten.append((login, user))


class FakeModules:
    """Be a ModuleService."""

    def __init__(self) -> None:
        self.used: list[str] = []

    def count_use(self, path: str) -> None:
        self.used.append(path)

    def pack(self, digests: Any) -> bytes:
        return "+".join(digests).encode()


class Stage:
    """Hold an Access and all that is below it."""

    def __init__(self) -> None:
        self.host = FakeHost()
        self.contexts = FakeContexts(self.host)
        self.modules = FakeModules()
        self.files = FileService(router=None)
        self.host.files = self.files
        self.counters = Counters()
        self.built: list[int] = []
        self.access = Access(
            SimpleNamespace(invoke=self._build),  # type: ignore[arg-type]
            self.contexts,  # type: ignore[arg-type]
            self.modules,  # type: ignore[arg-type]
            self.files,
            self.counters.add,
        )

    def _build(self, service: Any, method: str, **arguments: Any) -> Bundle:
        assert (service, method, arguments) == (ModuleService, "bundle", {"name": "x", "path": "/library/x.py"})
        self.built.append(len(self.contexts.ahead))
        return BUNDLE

    def run(self, *answers: Any, before: Any = ()) -> Any:
        self.host.answers += answers
        return self.access.run_module(PLACE, CALL, before)

    def sent(self) -> list[bytes]:
        return [asked["pack"] for _method, asked in self.host.asked]


DONE = {"rc": 3, "out": b"out", "err": b"err"}
ALL = b"one+1+2"
NOTHING = b""


@pytest.fixture
def stage() -> Iterator[Stage]:
    stage = Stage()
    yield stage
    assert stage.files.statistics().grants == 0


# -- modules


def test_a_connection_is_begun_before_a_module_is_built(stage: Stage) -> None:
    uses = Uses()
    with running(Run(uses=uses)):
        assert stage.access.bundle("x", "/library/x.py", PLACE) is BUNDLE
        assert stage.contexts.ahead == [(PLACE.identity, PLACE.candidates, uses)]
        assert stage.access.bundle("x", "/library/x.py", PLACE) is BUNDLE
    assert (stage.built, len(stage.contexts.ahead)) == ([1], 1), "one that is known takes no time to connect in"


def test_nobody_connects_ahead_without_a_place_or_a_task(stage: Stage) -> None:
    with running(Run(uses=Uses())):
        stage.access.bundle("x", "/library/x.py")
    with running(Run()):
        stage.access.bundle("x", "/library/x.py", PLACE)
    assert stage.contexts.ahead == []


def test_a_bundle_is_sent_once(stage: Stage) -> None:
    assert stage.run(DONE) == stage.run(DONE) == Finished(3, b"out", b"err")
    assert stage.sent() == [ALL, NOTHING]
    assert stage.modules.used == ["/library/x.py"] * 2
    method, asked = stage.host.asked[0]
    assert method == "run_module"
    assert asked["module"] == {
        "fqn": "ansible.modules.x",
        "name": "x",
        "profile": "legacy",
        "nofile": 7,
        "env": {"K": "v"},
        "cwd": "/d",
    }
    assert (asked["interpreter"], asked["arguments"], asked["before"]) == ("/usr/bin/python3", b"{}", [])
    assert stage.counters.snapshot(0).round_trips == 2


@pytest.mark.parametrize(
    ("missing", "again"),
    [(["2"], b"2"), (["one"], ALL)],
    ids=["a blob", "everything"],
)
def test_what_an_agent_has_lost_is_sent_again(stage: Stage, missing: Any, again: Any) -> None:
    stage.run(DONE)
    assert stage.run({"missing": missing}, DONE) == Finished(3, b"out", b"err")
    assert stage.sent() == [ALL, NOTHING, again]


def test_a_module_runs_in_a_new_session_when_the_old_one_is_outdated(stage: Stage) -> None:
    assert stage.run({"outdated": True}, DONE) == Finished(3, b"out", b"err")
    assert stage.contexts.renewed == [stage.host]
    assert [asked.get("anyway") for _method, asked in stage.host.asked] == [None, True], "no third time"
    assert stage.sent() == [ALL, ALL], "nobody knows whether the first was taken in"
    assert stage.modules.used == ["/library/x.py"]


def test_a_command_runs_in_a_new_session_when_the_old_one_is_outdated(stage: Stage) -> None:
    stage.host.answers += [{"outdated": True}, DONE]
    write = WriteBytes("/x", b"content", 0o600)
    assert stage.access.exec_command(PLACE, ["true"], b"", None, False, [write]) == Finished(3, b"out", b"err")
    assert stage.contexts.renewed == [stage.host]
    first, second = (asked for _method, asked in stage.host.asked)
    assert first["before"] == second["before"] != []
    assert second["anyway"] is True


def test_an_agent_that_never_has_enough_is_not_asked_for_ever(stage: Stage) -> None:
    with pytest.raises(RuntimeError, match="one"):
        stage.run({"missing": ["one"]})
    assert len(stage.host.asked) == 1


def test_an_interpreter_that_is_of_no_use(stage: Stage) -> None:
    assert stage.run({"unusable": "too old"}) == "too old"
    assert stage.run(DONE) == Finished(3, b"out", b"err")
    assert stage.sent() == [ALL, NOTHING]


def test_a_run_that_was_cancelled_waits_for_nothing(stage: Stage) -> None:
    run = Run()
    run.cancel()
    with running(run), pytest.raises(CancelledError):
        stage.run()
    assert stage.run(DONE) == Finished(3, b"out", b"err")
    assert stage.sent() == [ALL, ALL]


# -- commands and the rest


def test_a_command(stage: Stage) -> None:
    stage.host.answers.append(DONE)
    assert stage.access.exec_command(PLACE, ("a", "b"), b"in", "/d", True) == Finished(3, b"out", b"err")
    expected = {"argv": ["a", "b"], "stdin": b"in", "cwd": "/d", "env": {}, "pty": True, "before": []}
    assert stage.host.asked == [("exec_command", expected)]
    assert stage.counters.snapshot(0).bytes_sent == 2


def test_facts_and_forgetting(stage: Stage) -> None:
    assert stage.access.facts(PLACE) == {"home": "/h"}
    stage.access.log_out(PLACE, "me")
    assert stage.contexts.forgotten.pop() == (PLACE.identity.login, "me")
    stage.access.forget(PLACE)
    assert stage.contexts.forgotten == [LocalLogin()]
    assert stage.host.asked == []


def test_removing_waits_for_nothing(stage: Stage) -> None:
    stage.access.remove(PLACE, "/x")
    assert (stage.host.asked, stage.host.told) == ([], [("remove", {"path": "/x"})])


# -- preparations


def test_preparations_as_they_travel(stage: Stage) -> None:
    stage.host.answers.append(None)
    preparations = (MakeDirectory("/t", 0o700, True), WriteBytes("/t/x", b"data"), AddMode(("/t/x",), 0o100))
    stage.access.prepare(PLACE, preparations)
    [(method, asked)] = stage.host.asked
    assert method == "prepare"
    assert asked["before"] == [
        {"do": "mkdir", "path": "/t", "mode": 0o700, "own": True},
        {
            "do": "write",
            "path": "/t/x",
            "digest": hashlib.sha256(b"data").hexdigest(),
            "size": 4,
            "mode": 0o600,
            "content": b"data",
        },
        {"do": "add_mode", "paths": ["/t/x"], "bits": 0o100},
    ]
    assert stage.host.granted == [False]


def test_a_large_file_is_granted_while_it_is_fetched(stage: Stage, tmp_path: Path) -> None:
    path = tmp_path / "large"
    path.write_bytes(b"x" * 1_000_000)
    path.chmod(0o750)
    stage.host.answers += [None, DONE]
    stage.access.prepare(PLACE, [CopyFile(str(path), "/there")])
    [(_method, asked)] = stage.host.asked
    [sent] = asked["before"]
    assert (sent["do"], sent["path"], sent["size"], sent["mode"], sent["content"]) == (
        "write",
        "/there",
        1_000_000,
        0o750,
        None,
    )
    assert sent["digest"] == digest_bytes(path.read_bytes())
    assert stage.host.granted == [True]


def test_bytes_travel_with_the_request(stage: Stage) -> None:
    stage.host.answers += [None]
    stage.access.prepare(PLACE, [WriteBytes("/there", b"y" * 1_000_000, 0o640)])
    [sent] = stage.host.asked[0][1]["before"]
    assert (sent["size"], sent["mode"], len(sent["content"])) == (1_000_000, 0o640, 1_000_000)
    assert stage.counters.snapshot(0).bytes_sent == 1_000_000


def test_a_file_that_is_not_there_is_told_before_anything_is_sent(stage: Stage, tmp_path: Path) -> None:
    with pytest.raises(FileAccessError):
        stage.access.prepare(PLACE, [WriteBytes("/a", b"z" * 1_000_000), CopyFile(str(tmp_path / "absent"), "/b")])
    assert stage.host.asked == []


def test_small_files_travel_with_the_request(stage: Stage, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"content")
    small.chmod(0o644)
    large.write_bytes(b"x" * 100_000)
    assert stage.access.read_small(str(small)) == (b"content", 0o644)
    assert stage.access.read_small(str(large)) is None
    with pytest.raises(FileAccessError):
        stage.access.read_small(str(tmp_path / "absent"))
    assert stage.counters.snapshot(0).files_pushed == 1


# -- for the probe


def test_without_a_probe_nobody_is_asked_how_long_it_took(stage: Stage) -> None:
    stage.run(DONE)
    assert "timed" not in stage.host.asked[0][1]


def test_with_a_probe_the_host_says_how_long_it_took(stage: Stage) -> None:
    span = Span("web", "t1")
    with running(Run(span)):
        assert stage.run({**DONE, "took": [0.0, 0.0]}) == Finished(3, b"out", b"err")
        stage.host.answers.append(None)
        stage.access.prepare(PLACE, [])
    assert [arguments.get("timed") for _method, arguments in stage.host.asked] == [True, None]
    phases = [phase for phase, _at in span.marks]
    assert phases == ["queue", "connect", "send", "run", "receive", "connect", "send", "run", "receive"]
    # what the host tells is added to what the clock said: sums of equal parts differ in their last digits
    begins = [round(at, 6) for _phase, at in span.marks]
    assert begins == sorted(begins)


def test_what_fails_was_running_until_then(stage: Stage) -> None:
    span = Span("web", "t1")
    run = Run(span)
    run.cancel()
    with running(run), pytest.raises(CancelledError):
        stage.run()
    assert [phase for phase, _at in span.marks][-2:] == ["run", "receive"]
