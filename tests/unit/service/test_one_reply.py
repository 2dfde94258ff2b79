# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whatever a method returns or raises, all who wait get one reply, and the next call finds the service as before."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from ansible_svc import errors
from ansible_svc.service import AllowAny, DeduplicatingService, Service, call, call_async, expose, inbound, wire

from .conftest import PATIENCE_S, Gate, Stage, eventually, settled


class UnprintableError(ValueError):
    def __str__(self) -> str:
        raise LookupError("it has no text")


class NumberlessError(errors.Error):
    @property
    def errno(self) -> int:
        raise LookupError("it has no number")


class Unreadable(dict[str, int]):
    """Raise what no encoder expects."""

    def items(self) -> Any:
        raise LookupError("it has no items")


class Awkward(Service):
    """Bring what is hard to tell."""

    gate: ClassVar[Gate]
    runs: ClassVar[list[str]]

    @expose(policy=AllowAny())
    def bring(self, what: str) -> Any:
        self.runs.append(what)
        self.gate.wait()
        if what == "unprintable":
            raise UnprintableError
        if what == "unreadable details":
            raise errors.Error("text", Unreadable(a=1))
        if what == "unreadable error":
            raise NumberlessError("text")
        return Unreadable(a=1)


class AwkwardOnce(Awkward, DeduplicatingService):
    """Bring it once for all."""


class Unmeasured(DeduplicatingService):
    """Keep answers whose cost is unknown, the first time or the second time that it is asked for."""

    fails_at: ClassVar[set[int]]
    gate: ClassVar[Gate]
    runs: ClassVar[list[str]]

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.asked = 0

    @expose(policy=AllowAny())
    def build(self, what: str) -> str:
        self.runs.append(what)
        if what != "first":
            self.gate.wait()
        return what

    def answer_bytes(self, value: object) -> int:
        if value == "first":
            return 1
        self.asked += 1
        if self.asked in self.fails_at:
            raise LookupError("it has no size")
        return 1


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Awkward.gate = Unmeasured.gate = gate
    Awkward.runs = Unmeasured.runs = []


@pytest.mark.parametrize("service", [Awkward, AwkwardOnce])
@pytest.mark.parametrize(
    ("what", "error", "message"),
    [
        ("unprintable", ValueError, "raises LookupError"),
        ("unreadable details", errors.Error, "text"),
        ("unreadable error", errors.EncodingError, "LookupError"),
        ("unreadable answer", errors.EncodingError, "LookupError"),
    ],
)
def test_what_cannot_be_told_is_told_all_the_same(
    stage: Stage, gate: Gate, service: type[Awkward], what: str, error: type[Exception], message: str
) -> None:
    pool = stage.pool(service, size=5)
    up = stage.up(stage.host(1))
    calls = [call_async(up, service, "bring", what=what) for _ in range(4)]
    eventually(lambda: settled(pool, len(Awkward.runs)) and pool.statistics().open_requests == 4)
    assert len(Awkward.runs) == (1 if service is AwkwardOnce else 4)
    gate.open()
    for item in calls:
        with pytest.raises(error, match=message):
            item.result(PATIENCE_S)
    with pytest.raises(error, match=message):
        call(up, service, "bring", timeout_s=PATIENCE_S, what=what)
    replies = [sent for sent in stage.controller.sent if not sent.is_dead]
    assert len(replies) == 5


def test_a_request_that_the_memory_has_no_room_for_gets_an_error(
    stage: Stage, gate: Gate, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(data: bytes, prefix: wire.Prefix) -> object:
        raise MemoryError

    pool = stage.pool(Awkward)
    up = stage.up(stage.host(1))
    gate.open()
    with monkeypatch.context() as patched:
        patched.setattr(inbound, "read_body", fail)
        with pytest.raises(MemoryError):
            call(up, Awkward, "bring", timeout_s=PATIENCE_S, what="x")
    assert Awkward.runs == []
    eventually(lambda: settled(pool, 0) and pool.statistics().open_requests == 0)


@pytest.mark.parametrize("fails_at", [{1, 2}, {2}])
def test_an_answer_whose_cost_cannot_be_told_reaches_all_and_is_not_kept(
    stage: Stage, gate: Gate, fails_at: set[int], caplog: pytest.LogCaptureFixture
) -> None:
    Unmeasured.fails_at = fails_at
    pool = stage.pool(Unmeasured)
    up = stage.up(stage.host(1))
    assert call(up, Unmeasured, "build", what="first") == "first"
    calls = [call_async(up, Unmeasured, "build", what="x") for _ in range(4)]
    gate.await_entered()
    eventually(lambda: settled(pool) and pool.statistics().open_requests == 4)
    gate.open()
    assert [item.result(PATIENCE_S) for item in calls] == ["x"] * 4
    eventually(lambda: settled(pool, 0))
    assert "answer_bytes failed" in caplog.text
    # The others are still kept.
    for what in ("x", "x", "first"):
        assert call(up, Unmeasured, "build", timeout_s=PATIENCE_S, what=what) == what
        eventually(lambda: settled(pool, 0))
    assert Unmeasured.runs == ["first", "x", "x"]
