# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Everything the framework promises, to a local child, to a child behind ssh and to a child of that."""

from __future__ import annotations

import threading
from typing import Any

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import AllowAny, AllowContexts, Pool, Service, call, call_async, expose, notify
from ansible_svc.service.testing import FakeRequest
from tests.integration.service.conftest import Controller, eventually
from tests.integration.service.remote import PATIENCE_S, Broken, Once, Remote, Turns


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
    assert call(context, Remote, "was_noted")
    assert call(context, Remote, "note") is None


def test_receivers_added_while_the_service_runs(context: Any) -> None:
    handles = [call(context, Remote, "listen") for _ in range(2)]
    for handle, data in zip(handles * 2, [b"a", b"b", b"c", b"d"], strict=True):
        context.send(mitogen.core.Message(data=data, handle=handle))
    assert sorted(call(context, Remote, "receive", count=4)) == [b"a", b"b", b"c", b"d"]


def test_one_at_a_time(context: Any) -> None:
    calls = [call_async(context, Turns, "turn", number=number) for number in range(50)]
    assert [item.result(PATIENCE_S) for item in calls] == [[number, 1] for number in range(50)]


def test_equal_requests_run_once(context: Any) -> None:
    calls = [call_async(context, Once, "build", what={"a": 1}) for _ in range(50)]
    other = call_async(context, Once, "build", what={"a": True})
    # Two threads of four are in use, so there is one for this.
    call(context, Once, "let_go")
    assert {item.result(PATIENCE_S) for item in calls} != {other.result(PATIENCE_S)}
    assert call(context, Once, "build", what={"a": 1}) == calls[0].result()


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
