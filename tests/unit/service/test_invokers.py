# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many requests run at a time, who is answered by whose run, and what a Deferred does."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from ansible_svc import errors
from ansible_svc.service import (
    AllowAny,
    AllowContexts,
    DeduplicatingInvoker,
    DeduplicatingService,
    Deferred,
    SerializedInvoker,
    Service,
    call,
    call_async,
    expose,
)

from .conftest import PATIENCE_S, Gate, Stage, eventually, settled


class Counting(Service):
    """Count who is inside at the same time."""

    gate: Gate
    deferreds: ClassVar[list[Deferred]] = []

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.lock = threading.Lock()
        self.inside = 0
        self.most = 0
        self.order: list[int] = []

    @expose(policy=AllowAny())
    def enter(self, number: int) -> int:
        with self.lock:
            self.inside += 1
            self.most = max(self.most, self.inside)
            self.order.append(number)
        self.gate.wait()
        with self.lock:
            self.inside -= 1
        return number

    @expose(policy=AllowAny())
    def defer(self) -> Deferred:
        deferred = Deferred()
        self.deferreds.append(deferred)
        return deferred


class Serialized(Counting):
    """Run one at a time."""

    invoker_class = SerializedInvoker


class Building(DeduplicatingService):
    """Build things that take a while."""

    gate: Gate
    answers_max_bytes = 2000
    runs: ClassVar[list[Any]] = []
    cancelled = threading.Event()
    deferreds: ClassVar[list[Deferred]] = []
    grants = AllowContexts(0, 1)

    @expose(policy=AllowAny())
    def build(self, what: Any) -> Any:
        self.runs.append(what)
        self.gate.wait()
        if what == "broken":
            raise ValueError("cannot be built")
        return {"built": what}

    @expose(policy=AllowAny(), wants_request=True)
    def watched(self, request: Any, what: Any) -> str:
        self.runs.append(what)
        request.on_cancel(self.cancelled.set)
        self.gate.wait()
        return "watched"

    @expose(policy=grants)
    def secret(self) -> str:
        self.runs.append("secret")
        return "secret"

    @expose(policy=AllowAny())
    def later(self) -> Deferred:
        self.deferreds.append(Deferred())
        return self.deferreds[-1]

    @expose(policy=AllowAny())
    def anything(self, value: Any) -> Any:
        self.runs.append(value)
        return value


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Counting.gate = Building.gate = gate
    Counting.deferreds = []
    Building.runs, Building.deferreds, Building.cancelled = [], [], threading.Event()


def test_an_invoker_runs_as_many_as_there_are_threads(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Counting, size=3)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Counting, "enter", number=number) for number in range(5)]
    gate.await_entered(3)
    assert pool.statistics().busy_threads_high_water == 3
    gate.open()
    assert [item.result(PATIENCE_S) for item in calls] == list(range(5))
    assert pool.service(Counting).most == 3


# -- one at a time


def test_a_serialized_invoker_runs_one_at_a_time_and_holds_one_thread(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Serialized, size=4)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Serialized, "enter", number=number) for number in range(8)]
    gate.await_entered()
    eventually(lambda: settled(pool))
    assert pool.statistics().open_requests == 8
    gate.open()
    assert [item.result(PATIENCE_S) for item in calls] == list(range(8))
    assert pool.service(Serialized).most == 1


def test_turns_go_by_arrival(stage: Stage, gate: Gate) -> None:
    # One thread, so the requests reach the invoker in the order in which they were sent.
    pool = stage.pool(Serialized, size=1)
    gate.open()
    up = stage.up(stage.host(1))
    first = call_async(up, Serialized, "defer")
    calls = [call_async(up, Serialized, "enter", number=number) for number in range(8)]
    eventually(lambda: settled(pool, 0))
    service = pool.service(Serialized)
    assert (service.order, pool.statistics().open_requests) == ([], 9)
    Counting.deferreds[0].resolve("deferred")
    assert [item.result(PATIENCE_S) for item in [first, *calls]] == ["deferred", *range(8)]
    assert service.order == list(range(8))


def test_the_waiting_ones_hold_no_thread(stage: Stage, gate: Gate) -> None:
    stage.pool(Serialized, Building, size=2)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Serialized, "enter", number=number) for number in range(20)]
    gate.await_entered()
    assert call(up, Building, "anything", value=1) == 1
    gate.open()
    for item in calls:
        item.result(PATIENCE_S)


def test_one_that_is_cancelled_while_it_waits_never_runs(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Serialized, size=2)
    up = stage.up(stage.host(1))
    first = call_async(up, Serialized, "enter", number=0)
    gate.await_entered()
    second = call_async(up, Serialized, "enter", number=1)
    third = call_async(up, Serialized, "enter", number=2)
    eventually(lambda: settled(pool))
    second.cancel()
    gate.open()
    assert (first.result(PATIENCE_S), third.result(PATIENCE_S)) == (0, 2)
    assert pool.service(Serialized).order == [0, 2]


def test_a_deferred_keeps_its_turn(stage: Stage, gate: Gate) -> None:
    stage.pool(Serialized, size=2)
    gate.open()
    up = stage.up(stage.host(1))
    first = call_async(up, Serialized, "defer")
    eventually(lambda: len(Counting.deferreds) == 1)
    second = call_async(up, Serialized, "enter", number=1)
    assert gate.entered == 0
    Counting.deferreds[0].resolve("deferred")
    assert first.result(PATIENCE_S) == "deferred"
    assert second.result(PATIENCE_S) == 1


# -- deferred results


def test_a_deferred_holds_no_thread_and_sends_one_reply(stage: Stage) -> None:
    pool = stage.pool(Counting, size=1)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Counting, "defer") for _ in range(3)]
    eventually(lambda: len(Counting.deferreds) == 3)
    assert pool.statistics().open_requests == 3
    Counting.deferreds[1].fail(KeyError("no"))
    Counting.deferreds[0].resolve(b"yes")
    Counting.deferreds[2].fail(errors.QueueFullError("busy"))
    assert calls[0].result(PATIENCE_S) == b"yes"
    with pytest.raises(KeyError):
        calls[1].result(PATIENCE_S)
    with pytest.raises(errors.QueueFullError):
        calls[2].result(PATIENCE_S)
    assert len(stage.controller.sent) == 3
    assert all(deferred.done() for deferred in Counting.deferreds)


def test_a_deferred_is_settled_once() -> None:
    deferred = Deferred()
    deferred.resolve(1)
    for settle in (lambda: deferred.resolve(2), lambda: deferred.fail(ValueError())):
        with pytest.raises(RuntimeError):
            settle()


def test_a_deferred_that_is_settled_before_it_is_returned_is_a_result(stage: Stage) -> None:
    class Early(Service):
        @expose(policy=AllowAny())
        def early(self) -> Deferred:
            deferred = Deferred()
            deferred.resolve("early")
            return deferred

    stage.pool(Early)
    assert call(stage.up(stage.host(1)), Early, "early") == "early"


# -- equal requests


def test_equal_requests_run_once_and_use_one_thread(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Building, Counting, size=2)
    ups = [stage.up(stage.host(number)) for number in range(1, 11)]
    calls = [call_async(up, Building, "build", what={"a": [1], "b": 2}) for up in ups for _ in range(20)]
    gate.await_entered()
    eventually(lambda: settled(pool))
    # The other thread is free: it serves this while 200 wait.
    assert call(ups[0], Building, "anything", value=0) == 0
    gate.open()
    for item in calls:
        assert item.result(PATIENCE_S) == {"built": {"a": [1], "b": 2}}
    assert Building.runs == [{"a": [1], "b": 2}, 0]
    counts = pool.statistics().services[Building.name()]["build"]
    assert (counts.calls, counts.runs, counts.deduplicated, counts.errors) == (200, 1, 199, 0)


def test_requests_that_only_look_alike_run_each(stage: Stage) -> None:
    stage.pool(Building)
    up = stage.up(stage.host(1))
    values = [1, True, 1.0, "1", b"1"]
    for value in values:
        arrived = call(up, Building, "anything", value=value)
        assert (arrived, type(arrived)) == (value, type(value))
    assert len(Building.runs) == len(values)


def test_an_answer_is_kept_for_those_who_come_later(stage: Stage) -> None:
    pool = stage.pool(Building)
    for number in (1, 2, 3):
        assert call(stage.up(stage.host(number)), Building, "anything", value=b"blob") == b"blob"
    assert Building.runs == [b"blob"]
    assert pool.statistics().services[Building.name()]["anything"].deduplicated == 2


def test_kept_answers_are_bounded(stage: Stage) -> None:
    stage.pool(Building)
    up = stage.up(stage.host(1))
    for value in (b"a" * 1500, b"b" * 1500, b"a" * 1500):
        call(up, Building, "anything", value=value)
    assert len(Building.runs) == 3


def test_a_service_can_forget_answers(stage: Stage) -> None:
    service = stage.pool(Building).service(Building)
    up = stage.up(stage.host(1))
    for value in (1, 2, 1, 2):
        call(up, Building, "anything", value=value)
    assert Building.runs == [1, 2]
    service.forget("anything", value=1)
    for value in (1, 2):
        call(up, Building, "anything", value=value)
    assert Building.runs == [1, 2, 1]
    service.forget_all()
    call(up, Building, "anything", value=2)
    assert Building.runs == [1, 2, 1, 2]


def test_a_failure_reaches_all_who_wait_and_is_not_kept(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Building)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Building, "build", what="broken") for _ in range(5)]
    gate.await_entered()
    eventually(lambda: settled(pool) and pool.statistics().open_requests == 5)
    gate.open()
    for item in calls:
        with pytest.raises(ValueError, match="cannot be built"):
            item.result(PATIENCE_S)
    assert Building.runs == ["broken"]
    with pytest.raises(ValueError, match="cannot be built"):
        call(up, Building, "build", what="broken")
    assert Building.runs == ["broken", "broken"]


def test_requesters_who_leave_disturb_nobody(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Building)
    hosts = [stage.host(number) for number in (1, 2, 3, 4)]
    calls = [call_async(stage.up(host), Building, "watched", what=1) for host in hosts[:3]]
    calls.append(call_async(stage.up(hosts[3]), Building, "watched", timeout_s=5, what=1))
    gate.await_entered()
    eventually(lambda: settled(pool))
    calls[0].cancel()
    stage.network.disconnect(2)
    stage.clock.advance(6)
    assert not Building.cancelled.is_set()
    gate.open()
    assert calls[2].result(PATIENCE_S) == "watched"
    with pytest.raises(TimeoutError):
        calls[3].result(PATIENCE_S)
    assert Building.runs == [1]
    hosts[1].exit()


def test_when_the_last_requester_leaves_the_method_is_told(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Building)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Building, "watched", what=1) for _ in range(3)]
    gate.await_entered()
    eventually(lambda: settled(pool))
    for item in calls:
        assert not Building.cancelled.is_set()
        item.cancel()
    assert Building.cancelled.is_set()


def test_permission_is_checked_for_each_requester(stage: Stage) -> None:
    stage.pool(Building)
    assert call(stage.up(stage.host(1)), Building, "secret") == "secret"
    with pytest.raises(errors.RefusedError):
        call(stage.up(stage.host(2)), Building, "secret")


def test_equal_requests_can_wait_for_one_deferred(stage: Stage) -> None:
    pool = stage.pool(Building, size=1)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Building, "later") for _ in range(10)]
    eventually(lambda: len(Building.deferreds) == 1 and settled(pool, 0))
    assert call(up, Building, "anything", value=1) == 1
    Building.deferreds[0].resolve("later")
    assert [item.result(PATIENCE_S) for item in calls] == ["later"] * 10
    assert len(Building.deferreds) == 1


def test_any_service_may_choose_the_deduplicating_invoker(stage: Stage, gate: Gate) -> None:
    class Chosen(Counting):
        invoker_class = DeduplicatingInvoker

    pool = stage.pool(Chosen)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Chosen, "enter", number=1) for _ in range(5)]
    gate.await_entered()
    eventually(lambda: settled(pool))
    gate.open()
    assert [item.result(PATIENCE_S) for item in calls] == [1] * 5
    assert pool.statistics().services[Chosen.name()]["enter"].deduplicated == 4
