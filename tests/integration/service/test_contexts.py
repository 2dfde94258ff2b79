# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything the framework promises, to a local child, to a child behind ssh and to a child of that."""

from __future__ import annotations

import sys
import threading
from typing import Any, ClassVar

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import (
    AllowAny,
    AllowContexts,
    AllowParents,
    AnyOf,
    Pool,
    Service,
    arg_spec,
    call,
    call_async,
    configure_children,
    expose,
    notify,
    optional,
)
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.faults import restore
from ansible_svc.service.testing import FakeRequest
from ansible_svc.service.wire import CALL, ERROR, encode, frame, read_body, read_prefix
from tests.integration.service.conftest import BARE, Controller, eventually
from tests.integration.service.probe import Probe
from tests.integration.service.remote import (
    PATIENCE_S,
    Awkward,
    AwkwardOnce,
    Broken,
    Exits,
    ExitsAtStart,
    Kept,
    NeverActivated,
    Older,
    Once,
    Remote,
    Turns,
)


def wait_until_running(context: Any, running: int = 1) -> None:
    """Wait until the far side serves that many requests besides this one."""
    eventually(lambda: call(context, Remote, "open_requests") == running + 1)


def test_values_arguments_and_errors(context: Any) -> None:
    value = {"a": [1, True, 1.0, "1", b"\xff" * 100_000, None, "\udcff"], "b": {}}
    assert call(context, Remote, "echo", value=value) == value
    with pytest.raises(FileNotFoundError) as caught:
        call(context, Remote, "read", path="/does/not/exist")
    assert "remote.py" in (caught.value.remote_traceback or "")  # type: ignore[attr-defined]
    refusals: list[tuple[type[errors.Error], Any, str, dict[str, Any]]] = [
        (errors.UnknownMethodError, Remote, "unmarked", {}),
        (errors.UnknownMethodError, Remote, "nonsense", {}),
        (errors.RefusedError, Remote, "nobody", {}),
        (errors.ArgumentError, Remote, "read", {}),
        (errors.ArgumentError, Remote, "read", {"path": 1}),
        (errors.ArgumentError, Remote, "read", {"path": "x", "more": 1}),
        (errors.UnknownServiceError, "os.path", "join", {}),
        (errors.UnknownServiceError, 500, "", {}),
        (errors.ActivationError, Broken, "x", {}),
        (errors.ActivationError, "tests.integration.service.missing.Service", "x", {}),
        (errors.MessageTooLargeError, Remote, "echo", {"value": b"x" * 1_000_000}),
    ]
    for cls, service, method, kwargs in refusals:
        with pytest.raises(cls):
            call(context, service, method, **kwargs)
    assert call(context, Remote, "open_requests") == 1


def test_the_childs_pool_takes_the_place_of_mitogens(context: Any) -> None:
    facts = call(context, Remote, "facts")
    assert "mitogen.service" not in facts["modules"]
    assert sum(name.startswith("ansible_svc.pool") for name in facts["threads"]) == 4
    assert "ansible_svc.timers" not in facts["threads"]


def test_calls_that_come_before_the_pool_are_all_answered(context: Any) -> None:
    calls = [call_async(context, Remote, "echo", value=number) for number in range(100)]
    assert [item.result(PATIENCE_S) for item in calls] == list(range(100))


def test_many_threads_call_at_once(controller: Controller, context: Any) -> None:
    before = controller.handlers()
    failures: list[object] = []

    def hammer(number: int) -> None:
        for turn in range(20):
            if call(context, Remote, "echo", value=[number, turn]) != [number, turn]:
                failures.append((number, turn))

    threads = [threading.Thread(target=hammer, args=(number,)) for number in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not failures
    assert controller.handlers() == before + 1


def test_cancelling_reaches_the_far_side(context: Any) -> None:
    slow = call_async(context, Remote, "wait")
    wait_until_running(context)
    assert slow.cancel()
    assert call(context, Remote, "was_cancelled")
    eventually(lambda: call(context, Remote, "open_requests") == 1)


def test_a_deadline_ends_a_call_on_both_sides(context: Any) -> None:
    # The far side is there already; it takes longer than the deadline to come up.
    call(context, Remote, "echo", value=1)
    with pytest.raises(TimeoutError):
        call(context, Remote, "wait", timeout_s=0.5)
    assert call(context, Remote, "was_cancelled")
    done = threading.Event()
    slow = call_async(context, Remote, "later", timeout_s=0.2)
    slow.add_done_callback(lambda _: done.set())
    assert done.wait(PATIENCE_S)
    with pytest.raises(errors.DeadlineExceededError):
        slow.result(0)
    eventually(lambda: call(context, Remote, "open_requests") == 1)


def leftovers(controller: Controller, context: Any) -> tuple[int, int, int, int]:
    """Return the numbers of handlers and timers, here and there."""
    facts = call(context, Remote, "facts")
    timers = endpoint_of(controller.router).timers.pending()
    return controller.handlers(), timers, facts["handlers"], facts["timers"]


def test_the_deadline_travels_with_the_call(controller: Controller, context: Any) -> None:
    before = leftovers(controller, context)
    assert 0 < call(context, Remote, "remaining", timeout_s=100) <= 100
    assert call(context, Remote, "remaining") is None
    assert leftovers(controller, context) == before


def test_the_far_side_ends_a_call_whose_deadline_has_passed_by_itself(controller: Controller, context: Any) -> None:
    before = leftovers(controller, context)
    receiver = mitogen.core.Receiver(controller.router)
    # No Call of ours, so nobody sends a cancellation.
    body = encode({"s": Remote.name(), "m": "wait", "k": {}})
    context.send(
        mitogen.core.Message(
            data=frame(CALL, 2**40, body, 0.2),
            enc=mitogen.core.Message.ENC_BIN,
            handle=mitogen.core.CALL_SERVICE,
            reply_to=receiver.handle,
        )
    )
    data = receiver.get(timeout=PATIENCE_S).data
    prefix = read_prefix(data)
    assert (prefix.kind, prefix.number) == (ERROR, 2**40)
    assert type(restore(read_body(data, prefix))) is errors.DeadlineExceededError
    assert call(context, Remote, "was_cancelled")
    eventually(lambda: call(context, Remote, "load") == [1, 0, 1])
    assert receiver.empty()
    receiver.close()
    assert leftovers(controller, context) == before


def test_those_who_stop_waiting_for_a_shared_run_leave_nothing_behind(controller: Controller, context: Any) -> None:
    call(context, Once, "wake")
    before = leftovers(controller, context)
    first, *others = [call_async(context, Once, "build", what=1) for _ in range(4)]
    late = call_async(context, Once, "build", what=1, timeout_s=0.5)
    gone = call_async(context, Once, "build", what=1)
    assert gone.cancel()
    with pytest.raises(errors.DeadlineExceededError):
        late.result(PATIENCE_S)
    with pytest.raises(errors.CancelledError):
        gone.result(PATIENCE_S)
    eventually(lambda: call(context, Remote, "load") == [5, 0, 2])
    assert not first.done()
    call(context, Once, "let_go")
    assert [item.result(PATIENCE_S) for item in [first, *others]] == [1] * 4
    eventually(lambda: call(context, Remote, "load") == [1, 0, 1])
    assert leftovers(controller, context) == before


def test_a_context_that_dies_fails_its_calls_at_once(context: Any) -> None:
    waiting = [call_async(context, Remote, "wait") for _ in range(3)]
    with pytest.raises(errors.DisconnectedError):
        call(context, Remote, "die")
    for item in waiting:
        with pytest.raises(errors.DisconnectedError):
            item.result(PATIENCE_S)
    with pytest.raises(errors.DisconnectedError):
        call(context, Remote, "echo", value=1)


def test_a_pool_that_closes_ends_its_calls_and_stays_closed(context: Any) -> None:
    waiting = call_async(context, Remote, "wait")
    wait_until_running(context)
    with pytest.raises(errors.PoolClosedError):
        call(context, Remote, "close_pool")
    with pytest.raises(errors.PoolClosedError):
        waiting.result(PATIENCE_S)
    for _ in range(3):
        with pytest.raises(errors.PoolClosedError):
            call(context, Remote, "echo", value=1)


def test_a_deferred_result(context: Any) -> None:
    slow = call_async(context, Remote, "later")
    wait_until_running(context)
    call(context, Remote, "settle", value=b"settled")
    assert slow.result(PATIENCE_S) == b"settled"


def test_what_nobody_waits_for(context: Any) -> None:
    notify(context, Remote, "note")
    # The method has something to say and does not say it before it is let go: this is not its answer.
    assert call(context, Remote, "note") is None
    eventually(lambda: call(context, Remote, "load") == [3, 0, 3])
    call(context, Remote, "let_go")
    assert call(context, Remote, "was_noted")
    eventually(lambda: call(context, Remote, "load") == [1, 0, 1])


def test_receivers_added_while_the_service_runs(context: Any) -> None:
    handles = [call(context, Remote, "listen") for _ in range(2)]
    for handle, data in zip(handles * 2, [b"a", b"b", b"c", b"d"], strict=True):
        context.send(mitogen.core.Message(data=data, handle=handle))
    assert sorted(call(context, Remote, "receive", count=4)) == [b"a", b"b", b"c", b"d"]


def test_one_at_a_time_in_the_order_of_arrival(controller: Controller, context: Any) -> None:
    # The first holds one thread, so the other takes all others to the invoker as they come.
    configure_children(controller.router, pool_size=2)
    calls = [call_async(context, Turns, "turn", number=0)]
    eventually(lambda: call(context, Remote, "turns") == [0])
    calls += [call_async(context, Turns, "turn", number=number) for number in range(1, 50)]
    # All have come, none of them waits for a thread, and none runs but the first.
    eventually(lambda: call(context, Remote, "load") == [51, 0, 2])
    assert call(context, Remote, "turns") == [0]
    call(context, Remote, "let_turns_go")
    assert [item.result(PATIENCE_S) for item in calls] == list(range(50))
    assert call(context, Remote, "turns") == list(range(50))


def test_equal_requests_run_once(context: Any) -> None:
    calls = [call_async(context, Once, "build", what={"a": 1}) for _ in range(50)]
    other = call_async(context, Once, "build", what={"a": True})
    # Two threads of four are in use, and one is for this.
    eventually(lambda: call(context, Remote, "load") == [52, 0, 3])
    call(context, Once, "let_go")
    results = {item.result(PATIENCE_S) for item in calls}
    assert len(results) == 1
    assert {other.result(PATIENCE_S)} | results == {1, 2}
    assert call(context, Once, "build", what={"a": 1}) == calls[0].result()


def test_kept_answers_are_bounded_and_can_be_forgotten(context: Any) -> None:
    def build(what: str) -> int:
        run, data = call(context, Kept, "build", what=what)
        assert data == what.encode() * 1000
        # The encoded answer is charged for once it has been sent.
        eventually(lambda: call(context, Remote, "load") == [1, 0, 1])
        return int(run)

    assert [build(what) for what in "ab"] == [1, 2]
    # Using the first makes the second the one that goes.
    assert [build(what) for what in "aca"] == [1, 3, 1]
    assert build("b") == 4
    call(context, Kept, "drop", what="b")
    assert [build(what) for what in "ab"] == [1, 5]
    call(context, Kept, "drop", what=None)
    assert [build(what) for what in "ba"] == [6, 7]


def test_a_service_of_the_older_form(context: Any) -> None:
    with pytest.raises(errors.UnknownServiceError):
        call(context, Older.handle, {"path": "x"})
    call(context, Older, "wake")
    assert call(context, Older.handle, {"path": "x"}) == ["x", 0]
    for args in ({}, {"path": 1}, {"path": "x", "more": 1}):
        with pytest.raises(errors.ArgumentError):
            call(context, Older.handle, args)
    with pytest.raises(errors.UnknownMethodError):
        call(context, Older.handle, "wake")


# -- exactly one reply


@pytest.mark.parametrize("service", [Awkward, AwkwardOnce])
def test_what_cannot_be_told_is_told_all_the_same(context: Any, service: type[Awkward]) -> None:
    expected: dict[str, type[Exception]] = {"unprintable": ValueError, "unreadable": errors.EncodingError}
    for method, error in expected.items():
        calls = [call_async(context, service, method) for _ in range(10)]
        for item in calls:
            with pytest.raises(error, match="LookupError"):
                item.result(PATIENCE_S)
    eventually(lambda: call(context, Remote, "load") == [1, 0, 1])


@pytest.mark.parametrize(
    "name",
    [Exits.name(), ExitsAtStart.name(), "tests.integration.service.exits.Service"],
    ids=["make", "start", "load"],
)
def test_a_service_that_exits_is_an_error(context: Any, name: str) -> None:
    calls = [call_async(context, name, "x") for _ in range(10)]
    for item in calls:
        with pytest.raises(errors.ActivationError, match="SystemExit"):
            item.result(PATIENCE_S)
    # All threads are still there.
    facts = call(context, Remote, "facts")
    assert sum(thread.startswith("ansible_svc.pool") for thread in facts["threads"]) == 4
    eventually(lambda: call(context, Remote, "load") == [1, 0, 1])


# -- upwards


class Upward(Service):
    """Be called by those below."""

    max_message_bytes = 10_000
    grants = AllowContexts()

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.entered = threading.Event()
        self.cancelled = threading.Event()

    @expose(policy=AllowAny(), wants_request=True)
    def who(self, request: Any) -> int:
        return int(request.caller_id)

    @expose(policy=grants)
    def granted(self) -> str:
        return "granted"

    @expose()
    def nobody(self) -> None:
        raise AssertionError

    @expose(policy=AllowAny())
    def fail(self, value: bytes) -> None:
        raise KeyError("no")

    @expose(policy=AllowAny(), wants_request=True)
    def wait(self, request: Any) -> None:
        request.on_cancel(self.cancelled.set)
        self.entered.set()
        assert self.cancelled.wait(PATIENCE_S)


def ask_up(context: Any, method: str, **kwargs: Any) -> Any:
    return call(context, Remote, "ask", context_id=0, service=Upward.name(), method=method, kwargs=kwargs)


def test_calls_upwards_go_by_the_methods_policy(controller: Controller, context: Any) -> None:
    controller.pool(Upward, size=1)
    assert ask_up(context, "who") == context.context_id
    for method in ("granted", "nobody"):
        with pytest.raises(errors.RefusedError):
            ask_up(context, method)
    Upward.grants.grant(context.context_id)
    assert Upward.grants.allows(FakeRequest(caller_id=context.context_id))
    assert ask_up(context, "granted") == "granted"
    Upward.grants.revoke(context.context_id)
    with pytest.raises(errors.RefusedError):
        ask_up(context, "granted")
    with pytest.raises(KeyError):
        ask_up(context, "fail", value=b"")
    with pytest.raises(errors.MessageTooLargeError):
        ask_up(context, "fail", value=b"x" * 10_000)
    with pytest.raises(errors.UnknownMethodError):
        ask_up(context, "entered")


class OlderUpward(Service):
    """Be called by those below, by a number."""

    handle = 500
    required_args: ClassVar[dict[str, Any]] = {"path": str}

    def dispatch(self, args: dict[str, Any], msg: Any) -> Any:
        if args["path"] == "missing":
            raise FileNotFoundError(args["path"])
        return {"path": args["path"], "caller": msg.src_id, "data": b"\xff"}


def test_calls_upwards_in_the_older_form(controller: Controller, context: Any) -> None:
    pool = controller.pool(OlderUpward, size=1)
    asked: list[tuple[int, Any, list[Any]]] = [
        (500, {"path": "x"}, ["brought", {"path": "x", "caller": context.context_id, "data": b"\xff"}]),
        (500, {"path": "missing"}, ["failed", "RemoteFileNotFoundError"]),
        (500, {}, ["failed", "ArgumentError"]),
        (500, {"path": 1}, ["failed", "ArgumentError"]),
        (500, {"path": "x", "more": 1}, ["failed", "ArgumentError"]),
        (500, "dispatch", ["failed", "UnknownMethodError"]),
        (499, {"path": "x"}, ["failed", "UnknownServiceError"]),
    ]
    for handle, args, expected in asked:
        assert call(context, Probe, "ask_by_handle", context_id=0, handle=handle, args=args) == expected
    eventually(lambda: pool.statistics().open_requests == 0)
    counts = pool.statistics().services[OlderUpward.name()]["dispatch"]
    assert (counts.calls, counts.runs, counts.refused, counts.errors) == (6, 2, 4, 1)


class Added(Service):
    """Come to a Pool that runs already."""

    grants = AllowContexts()

    @arg_spec({"path": str, "mode": optional(int, None)})
    @expose(policy=AnyOf((AllowParents(), grants)))
    def open(self, path: str, mode: int | None = 7) -> list[Any]:
        return [path, mode]


def test_a_service_added_to_a_pool_that_runs(controller: Controller, context: Any) -> None:
    def ask(**kwargs: Any) -> Any:
        return call(context, Remote, "ask", context_id=0, service=Added.name(), method="open", kwargs=kwargs)

    pool = controller.pool(Upward, size=2)
    assert ask_up(context, "who") == context.context_id
    with pytest.raises(errors.UnknownServiceError):
        ask(path="x")
    pool.add(Added(controller.router))
    with pytest.raises(errors.RefusedError):
        ask(path="x")
    # Either policy is enough: this process is let in as it always was.
    assert call(controller.router.myself(), Added, "open", path="x") == ["x", 7]
    Added.grants.grant(context.context_id)
    try:
        assert ask(path="x") == ["x", 7]
        assert ask(path="x", mode=1) == ["x", 1]
        assert ask(path="x", mode=None) == ["x", None]
        for wrong in ({"path": "x", "mode": "1"}, {"path": "x", "mode": True}, {"mode": 1}):
            with pytest.raises(errors.ArgumentError):
                ask(**wrong)
    finally:
        Added.grants.revoke(context.context_id)


class ForParents(Service):
    """Let in nobody from below."""

    entered = 0

    @expose(policy=AllowParents())
    def enter(self) -> None:
        self.entered += 1


def test_those_below_are_no_parents_and_activate_nothing(controller: Controller, context: Any) -> None:
    """Ask a context of each kind from below: the controller, and the context that was made last."""
    below = controller.router.local(via=context, python_path=BARE)
    prefix = "tests.integration.service.exits"

    def ask(whom: int, service: str, method: str, **kwargs: Any) -> Any:
        return call(below, Remote, "ask", context_id=whom, service=service, method=method, kwargs=kwargs)

    pool = controller.pool(ForParents, activation_packages=["tests.integration.service"])
    assert call(context, Remote, "echo", value=1) == 1
    for whom in (0, context.context_id):
        for name in (NeverActivated.name(), prefix + ".Service"):
            with pytest.raises(errors.NotActivatedError):
                ask(whom, name, "echo_for_all", value=1)
        with pytest.raises(errors.UnknownServiceError):
            ask(whom, "os.path", "join")
    assert prefix not in sys.modules
    assert call(context, Remote, "modules", prefix=prefix) == []
    assert NeverActivated.constructed == []
    assert call(context, Remote, "constructed") == []
    with pytest.raises(errors.RefusedError):
        ask(context.context_id, Remote.name(), "let_go")
    assert not call(context, Remote, "is_released")
    with pytest.raises(errors.RefusedError):
        ask(0, ForParents.name(), "enter")
    assert pool.service(ForParents).entered == 0
    # A parent's call makes the difference.
    assert call(context, NeverActivated, "echo", value=1) == 1
    assert ask(context.context_id, NeverActivated.name(), "echo_for_all", value=1) == 1
    assert call(context, Remote, "constructed") == ["NeverActivated"]


def test_without_a_pool_calls_upwards_are_errors(context: Any) -> None:
    with pytest.raises(errors.PoolClosedError):
        ask_up(context, "who")


def test_a_caller_that_dies_is_dropped(controller: Controller, context: Any) -> None:
    pool: Pool = controller.pool(Upward, size=2)
    call(context, Remote, "ask_and_forget", context_id=0, service=Upward.name(), method="wait", kwargs={})
    service = pool.service(Upward)
    assert service.entered.wait(PATIENCE_S)
    assert pool.statistics().open_requests == 1
    with pytest.raises(errors.DisconnectedError):
        call(context, Remote, "die")
    assert service.cancelled.wait(PATIENCE_S)
    eventually(lambda: pool.statistics().open_requests == 0)


def test_closing_the_pool_ends_calls_of_those_below(controller: Controller, context: Any) -> None:
    pool = controller.pool(Upward, size=2)
    up = call_async(context, Remote, "ask", context_id=0, service=Upward.name(), method="wait", kwargs={})
    assert pool.service(Upward).entered.wait(PATIENCE_S)
    pool.close()
    assert pool.service(Upward).cancelled.is_set()
    with pytest.raises(errors.PoolClosedError):
        up.result(PATIENCE_S)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ansible_svc.pool")]
