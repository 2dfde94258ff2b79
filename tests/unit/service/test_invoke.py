# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Calls inside one process go the same way, without messages."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import pytest

from ansible_svc import errors
from ansible_svc.service import (
    DeduplicatingService,
    Deferred,
    Request,
    SerializedInvoker,
    Service,
    arg_spec,
    call_async,
    expose,
)
from ansible_svc.service.policy import AllowAny

from .conftest import PATIENCE_S, Gate, Stage, eventually, settled


class Local(Service):
    """Have methods that nobody outside may call."""

    gate: Gate
    deferred = Deferred()

    @arg_spec({"value": object})
    @expose()
    def echo(self, value: Any) -> Any:
        return value

    @expose()
    def thread(self) -> int:
        return threading.get_ident()

    @expose()
    def fail(self) -> None:
        raise KeyError("the very object")

    @expose()
    def interrupt(self) -> None:
        raise KeyboardInterrupt

    @expose()
    def later(self) -> Deferred:
        return self.deferred

    @expose(policy=AllowAny(), wants_request=True)
    def wait(self, request: Request) -> str:
        self.gate.wait()
        return "waited"

    @expose(wants_request=True)
    def until_cancelled(self, request: Request) -> None:
        ended = threading.Event()
        request.on_cancel(ended.set)
        self.gate.wait()
        assert ended.wait(PATIENCE_S)


class LocalSerialized(Local):
    invoker_class = SerializedInvoker


class LocalBuilding(DeduplicatingService):
    """Build objects that cannot be sent."""

    gate: Gate
    runs: ClassVar[list[Any]] = []

    @expose(policy=AllowAny())
    def build(self, what: Any) -> object:
        self.runs.append(what)
        self.gate.wait()
        if what == "broken":
            raise ValueError("cannot be built")
        return (what, self)


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Local.gate = LocalBuilding.gate = gate
    Local.deferred = Deferred()
    LocalBuilding.runs = []


class InThread(threading.Thread):
    """Call something in a thread and hold what came of it."""

    def __init__(self, func: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__()
        self.call = lambda: func(*args, **kwargs)
        self.outcome: Any = None
        self.start()

    def run(self) -> None:
        try:
            self.outcome = self.call()
        except Exception as exc:
            self.outcome = exc

    def result(self) -> Any:
        self.join(PATIENCE_S)
        assert not self.is_alive()
        return self.outcome


def test_it_runs_in_the_calling_thread_with_any_objects(stage: Stage) -> None:
    pool = stage.pool(Local)
    thing = object()
    assert pool.invoke(Local, "echo", value=thing) is thing
    assert pool.invoke(Local.name(), "thread") == threading.get_ident()
    assert stage.controller.sent == []
    assert pool.statistics().services[Local.name()]["echo"].calls == 1


def test_the_exception_is_the_one_that_was_raised(stage: Stage) -> None:
    pool = stage.pool(Local)
    with pytest.raises(KeyError, match="the very object") as caught:
        pool.invoke(Local, "fail")
    assert type(caught.value) is KeyError


def test_checks_hold_inside_too(stage: Stage) -> None:
    pool = stage.pool(Local)
    with pytest.raises(errors.ArgumentError):
        pool.invoke(Local, "echo")
    with pytest.raises(errors.UnknownMethodError):
        pool.invoke(Local, "on_start")
    with pytest.raises(errors.UnknownServiceError):
        pool.invoke(LocalBuilding, "build")


def test_an_interrupt_goes_to_the_one_who_called(stage: Stage) -> None:
    pool = stage.pool(Local)
    with pytest.raises(KeyboardInterrupt):
        pool.invoke(Local, "interrupt")
    assert pool.statistics().open_requests == 0


def test_a_deferred_is_waited_for(stage: Stage) -> None:
    pool = stage.pool(Local)
    waiting = InThread(pool.invoke, Local, "later")
    eventually(lambda: pool.statistics().open_requests == 1)
    Local.deferred.resolve("later")
    assert waiting.result() == "later"


def test_a_deadline_ends_the_wait_for_a_deferred(stage: Stage) -> None:
    pool = stage.pool(Local)
    waiting = InThread(pool.invoke, Local, "later", timeout_s=5)
    eventually(lambda: pool.statistics().open_requests == 1)
    stage.clock.advance(6)
    assert isinstance(waiting.result(), TimeoutError)
    Local.deferred.resolve("too late")


def test_a_deadline_tells_the_method_that_runs_in_the_calling_thread(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Local)
    waiting = InThread(pool.invoke, Local, "until_cancelled", timeout_s=5)
    gate.await_entered()
    gate.open()
    stage.clock.advance(6)
    assert isinstance(waiting.result(), errors.DeadlineExceededError)


def test_it_waits_its_turn(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(LocalSerialized)
    remote = call_async(stage.up(stage.host(1)), LocalSerialized, "wait")
    gate.await_entered()
    local = InThread(pool.invoke, LocalSerialized, "echo", value=1)
    eventually(lambda: pool.statistics().open_requests == 2)
    gate.open()
    assert remote.result(PATIENCE_S) == "waited"
    assert local.result() == 1


def test_closing_the_pool_ends_the_wait(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Local)
    waiting = InThread(pool.invoke, Local, "until_cancelled")
    gate.await_entered()
    gate.open()
    pool.close()
    assert isinstance(waiting.result(), errors.PoolClosedError)


def test_equal_requests_from_inside_and_outside_run_once(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(LocalBuilding, size=1)
    locals_ = [InThread(pool.invoke, LocalBuilding, "build", what="x") for _ in range(10)]
    gate.await_entered()
    remote = call_async(stage.up(stage.host(1)), LocalBuilding, "build", what="x")
    eventually(lambda: pool.statistics().open_requests == 11 and settled(pool, 0))
    gate.open()
    results = [item.result() for item in locals_]
    assert all(item is results[0] for item in results)
    # What was built cannot be sent; that is the remote caller's problem alone.
    with pytest.raises(errors.EncodingError):
        remote.result(PATIENCE_S)
    assert LocalBuilding.runs == ["x"]


def test_a_failure_reaches_every_thread_that_waits(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(LocalBuilding)
    waiting = [InThread(pool.invoke, LocalBuilding, "build", what="broken") for _ in range(5)]
    gate.await_entered()
    eventually(lambda: pool.statistics().open_requests == 5)
    gate.open()
    for item in waiting:
        assert isinstance(item.result(), ValueError)


def test_arguments_that_cannot_be_compared_are_refused(stage: Stage) -> None:
    class Unhashable:
        __hash__ = None  # type: ignore[assignment]

    pool = stage.pool(LocalBuilding)
    with pytest.raises(errors.ArgumentError):
        pool.invoke(LocalBuilding, "build", what=Unhashable())
