# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A call gets exactly one outcome, from whom it asked, in time, and leaves nothing behind."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import AllowAny, Service, call, call_async, expose, no_reply, notify, wire
from ansible_svc.service.channel import Channel
from ansible_svc.service.endpoint import endpoint_of

from .conftest import PATIENCE_S, Gate, Stage, eventually


class Echo(Service):
    """Answer with what was asked."""

    gate = Gate()
    cancelled = threading.Event()
    noted: ClassVar[list[Any]] = []

    @expose(policy=AllowAny())
    def echo(self, value: Any) -> Any:
        return value

    @expose(policy=AllowAny())
    def fail(self) -> None:
        raise FileNotFoundError("nothing there")

    @expose(policy=AllowAny())
    def wait(self) -> str:
        self.gate.wait()
        return "waited"

    @expose(policy=AllowAny(), wants_request=True)
    def watch(self, request: Any) -> float | None:
        request.on_cancel(self.cancelled.set)
        self.gate.wait()
        return None

    @expose(policy=AllowAny(), wants_request=True)
    def remaining(self, request: Any) -> float | None:
        return request.remaining_s()

    @expose(policy=AllowAny())
    @no_reply()
    def note(self, value: Any) -> None:
        self.gate.wait()
        self.noted.append(value)
        raise ValueError("nobody will know")

    @expose(policy=AllowAny())
    def strange(self) -> object:
        return object()


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Echo.gate = gate
    Echo.cancelled = threading.Event()
    Echo.noted = []


def test_a_result_comes_back(stage: Stage) -> None:
    stage.pool(Echo)
    up = stage.up(stage.host(1))
    value = {"a": [1, True, 1.0, "1", b"\xff", None], "b": {"c": b""}}
    assert call(up, Echo, "echo", value=value) == value
    assert call(up, Echo.name(), "echo", value=b"x") == b"x"


def test_an_exception_comes_back_typed_and_with_its_traceback(stage: Stage) -> None:
    stage.pool(Echo)
    with pytest.raises(FileNotFoundError) as caught:
        call(stage.up(stage.host(1)), Echo, "fail")
    assert isinstance(caught.value, errors.RemoteError)
    assert "in fail" in (caught.value.remote_traceback or "")


def test_a_result_that_cannot_be_sent_is_an_error(stage: Stage) -> None:
    stage.pool(Echo)
    with pytest.raises(errors.EncodingError):
        call(stage.up(stage.host(1)), Echo, "strange")


def test_arguments_that_cannot_be_sent_are_refused_here(stage: Stage) -> None:
    host = stage.host(1)
    stage.pool(Echo)
    with pytest.raises(errors.EncodingError):
        call(stage.up(host), Echo, "echo", value=object())
    assert host.sent == []


def test_a_request_larger_than_the_router_takes_is_refused_here(stage: Stage) -> None:
    host = stage.host(1)
    host.max_message_size = 1000
    stage.pool(Echo)
    with pytest.raises(errors.MessageTooLargeError):
        call(stage.up(host), Echo, "echo", value=b"x" * 1000)
    with pytest.raises(errors.MessageTooLargeError):
        notify(stage.up(host), Echo, "echo", value=b"x" * 1000)
    assert host.sent == []


def test_a_result_larger_than_the_router_takes_is_an_error(stage: Stage) -> None:
    stage.controller.max_message_size = 1000
    stage.pool(Echo)
    with pytest.raises(errors.MessageTooLargeError):
        call(stage.up(stage.host(1)), Echo, "echo", value=b"x" * 1000)


def test_a_reply_larger_than_the_caller_takes_is_an_error(stage: Stage) -> None:
    stage.pool(Echo)
    host = stage.host(1)
    endpoint_of(host).max_reply_bytes = 100
    with pytest.raises(errors.MessageTooLargeError):
        call(stage.up(host), Echo, "echo", value=b"x" * 100)


def test_calls_do_not_wait_for_each_other(stage: Stage, gate: Gate) -> None:
    stage.pool(Echo, size=2)
    up = stage.up(stage.host(1))
    slow = call_async(up, Echo, "wait")
    gate.await_entered()
    assert call(up, Echo, "echo", value=1) == 1
    assert not slow.done()
    gate.open()
    assert slow.result(PATIENCE_S) == "waited"


def test_one_handle_serves_all_calls_to_a_context(stage: Stage) -> None:
    stage.pool(Echo)
    host = stage.host(1)
    for value in range(10):
        call(stage.up(host), Echo, "echo", value=value)
    assert len(host.handlers) == 1


def test_no_call_overtakes_the_start_of_the_far_sides_pool(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    stage.pool(Echo)
    host = stage.host(1)
    seen: list[Any] = []
    monkeypatch.setattr(Channel, "open", lambda channel: seen.extend(endpoint_of(host).channels()))
    assert call(stage.up(host), Echo, "echo", value=1) == 1
    assert seen == [], "other threads could already use the channel"
    assert len(endpoint_of(host).channels()) == 1


def test_result_can_be_asked_for_again(stage: Stage) -> None:
    stage.pool(Echo)
    up = stage.up(stage.host(1))
    good, bad = call_async(up, Echo, "echo", value=1), call_async(up, Echo, "fail")
    for _ in range(2):
        assert good.result(PATIENCE_S) == 1
        with pytest.raises(FileNotFoundError):
            bad.result(PATIENCE_S)


def test_waiting_for_a_result_can_be_limited_without_ending_the_call(stage: Stage, gate: Gate) -> None:
    stage.pool(Echo)
    slow = call_async(stage.up(stage.host(1)), Echo, "wait")
    with pytest.raises(TimeoutError):
        slow.result(0)
    assert not slow.done()
    gate.open()
    assert slow.result(PATIENCE_S) == "waited"


def test_done_callbacks_run_once_whenever_they_are_added(stage: Stage, gate: Gate) -> None:
    stage.pool(Echo)
    slow = call_async(stage.up(stage.host(1)), Echo, "wait")
    called: list[Any] = []
    slow.add_done_callback(called.append)
    slow.add_done_callback(lambda _: 1 / 0)
    slow.add_done_callback(called.append)
    gate.open()
    slow.result(PATIENCE_S)
    eventually(lambda: len(called) == 2)
    slow.add_done_callback(called.append)
    assert called == [slow] * 3


# -- deadlines


def test_the_deadline_travels_with_the_request(stage: Stage) -> None:
    stage.pool(Echo)
    up = stage.up(stage.host(1))
    assert call(up, Echo, "remaining", timeout_s=30) == 30
    assert call(up, Echo, "remaining") is None


def test_a_deadline_that_passes_ends_the_call_on_both_sides(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Echo)
    host = stage.host(1)
    slow = call_async(stage.up(host), Echo, "watch", timeout_s=5)
    gate.await_entered()
    stage.clock.advance(4.9)
    assert not slow.done()
    assert not Echo.cancelled.is_set()
    stage.clock.advance(0.2)
    with pytest.raises(errors.DeadlineExceededError):
        slow.result(PATIENCE_S)
    assert Echo.cancelled.is_set()
    assert pool.statistics().open_requests == 0


def test_a_blocking_call_watches_its_deadline_by_itself(stage: Stage) -> None:
    pool = stage.pool(Echo)
    host = stage.host(1)
    # The clocks stand still, so only the waiting itself can notice.
    with pytest.raises(errors.DeadlineExceededError):
        call(stage.up(host), Echo, "wait", timeout_s=0)
    assert endpoint_of(host).timers.pending() == 0
    eventually(lambda: pool.statistics().open_requests == 0)


def test_a_request_whose_deadline_passes_in_the_queue_never_runs(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Echo, size=1)
    up = stage.up(stage.host(1))
    first = call_async(up, Echo, "wait")
    gate.await_entered()
    late = call_async(up, Echo, "wait", timeout_s=1)
    stage.clock.advance(2)
    with pytest.raises(TimeoutError):
        late.result(PATIENCE_S)
    gate.open()
    assert first.result(PATIENCE_S) == "waited"
    eventually(lambda: pool.statistics().queue_length == 0)
    assert gate.entered == 1


def test_timers_of_calls_that_ended_are_gone(stage: Stage) -> None:
    stage.pool(Echo)
    host = stage.host(1)
    call_async(stage.up(host), Echo, "echo", timeout_s=100, value=1).result(PATIENCE_S)
    assert endpoint_of(host).timers.pending() == 0
    assert endpoint_of(stage.controller).timers.pending() == 0


# -- cancelling and disconnecting


def test_cancelling_reaches_the_far_side(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Echo)
    slow = call_async(stage.up(stage.host(1)), Echo, "watch")
    gate.await_entered()
    assert slow.cancel()
    assert not slow.cancel()
    assert Echo.cancelled.is_set()
    with pytest.raises(errors.CancelledError):
        slow.result(PATIENCE_S)
    assert pool.statistics().open_requests == 0


def test_a_call_that_is_done_cannot_be_cancelled(stage: Stage) -> None:
    stage.pool(Echo)
    done = call_async(stage.up(stage.host(1)), Echo, "echo", value=1)
    done.result(PATIENCE_S)
    assert not done.cancel()
    assert done.result() == 1


def test_an_interrupted_call_is_cancelled(stage: Stage, gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    from ansible_svc.service.calls import Call

    def interrupt(self: Call, timeout_s: float | None) -> None:
        gate.await_entered()
        raise KeyboardInterrupt

    stage.pool(Echo)
    monkeypatch.setattr(Call, "_wait", interrupt)
    with pytest.raises(KeyboardInterrupt):
        call(stage.up(stage.host(1)), Echo, "watch")
    assert Echo.cancelled.is_set()


def test_a_caller_that_disconnects_leaves_nothing_behind(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Echo)
    host = stage.host(1)
    slow = call_async(stage.up(host), Echo, "watch")
    gate.await_entered()
    stage.network.disconnect(1)
    assert Echo.cancelled.is_set()
    assert pool.statistics().open_requests == 0
    host.exit()
    with pytest.raises(ConnectionError):
        slow.result(PATIENCE_S)


def test_a_context_that_disconnects_fails_all_calls_to_it_at_once(stage: Stage, gate: Gate) -> None:
    host, other = stage.host(1), stage.host(2)
    stage.pool(Echo, router=host)
    stage.pool(Echo, router=other)
    to_host = stage.controller.context_by_id(1)
    calls = [call_async(to_host, Echo, "wait") for _ in range(3)]
    spared = call_async(stage.controller.context_by_id(2), Echo, "wait")
    gate.await_entered(4)
    stage.network.disconnect(1)
    for slow in calls:
        with pytest.raises(errors.DisconnectedError):
            slow.result(PATIENCE_S)
    gate.open()
    assert spared.result(PATIENCE_S) == "waited"
    assert len(stage.controller.handlers) == 1
    with pytest.raises(errors.DisconnectedError):
        call(to_host, Echo, "echo", value=1)
    host.exit()


def test_without_a_pool_a_call_is_an_error(stage: Stage) -> None:
    host = stage.host(1)
    with pytest.raises(errors.PoolClosedError):
        call(stage.up(host), Echo, "echo", value=1)
    assert host.handlers == {}


def test_a_broker_that_exits_ends_everything(stage: Stage, gate: Gate) -> None:
    stage.pool(Echo)
    host = stage.host(1)
    slow = call_async(stage.up(host), Echo, "wait")
    gate.await_entered()
    host.exit()
    with pytest.raises(errors.DisconnectedError):
        slow.result(PATIENCE_S)


def test_a_router_that_takes_no_more_messages_is_an_error(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: object) -> None:
        raise mitogen.core.Error("the broker has exited")

    host = stage.host(1)
    monkeypatch.setattr(host, "route", refuse)
    with pytest.raises(errors.DisconnectedError):
        call(stage.up(host), Echo, "echo", value=1)
    with pytest.raises(errors.DisconnectedError):
        notify(stage.up(host), Echo, "echo", value=1)


# -- no reply


def test_a_no_reply_method_is_acknowledged_before_it_runs(stage: Stage, gate: Gate) -> None:
    stage.pool(Echo)
    host = stage.host(1)
    assert call(stage.up(host), Echo, "note", value=1) is None
    assert Echo.noted == []
    # Its caller's end does not end it.
    stage.network.disconnect(1)
    gate.open()
    eventually(lambda: Echo.noted == [1])
    assert sum(message.handle != mitogen.core.CALL_SERVICE for message in stage.controller.sent) == 1


def test_a_notification_gets_no_reply(stage: Stage, gate: Gate, caplog: pytest.LogCaptureFixture) -> None:
    pool = stage.pool(Echo)
    gate.open()
    notify(stage.up(stage.host(1)), Echo, "note", value=1)
    eventually(lambda: pool.statistics().total.calls == 1)
    assert Echo.noted == [1]
    assert stage.controller.sent == []
    assert "nobody waits for" in caplog.text
    notify(stage.up(stage.host(2)), Echo, "no such method")
    eventually(lambda: pool.statistics().total.refused == 1)
    assert stage.controller.sent == []


# -- what is not trusted


def test_a_reply_counts_only_from_the_context_that_was_asked(stage: Stage, gate: Gate) -> None:
    host, liar = stage.host(1), stage.host(2)
    stage.pool(Echo, router=host)
    slow = call_async(stage.controller.context_by_id(1), Echo, "wait")
    gate.await_entered()
    handle = next(iter(stage.controller.handlers))
    forged = wire.frame(wire.RESULT, slow.number, wire.encode("forged"))
    enc = mitogen.core.Message.ENC_BIN
    liar.context_by_id(0).send(mitogen.core.Message(data=forged, enc=enc, handle=handle))
    liar.context_by_id(0).send(mitogen.core.Message.dead("forged", handle=handle))
    assert not slow.done()
    gate.open()
    assert slow.result(PATIENCE_S) == "waited"


@pytest.mark.parametrize("data", [b"", b"noise" * 20, wire.frame(wire.RESULT, 999, wire.NULL)])
def test_replies_that_belong_to_nothing_are_dropped(stage: Stage, gate: Gate, data: bytes) -> None:
    host = stage.host(1)
    stage.pool(Echo, router=host)
    slow = call_async(stage.controller.context_by_id(1), Echo, "wait")
    gate.await_entered()
    handle = next(iter(stage.controller.handlers))
    enc = mitogen.core.Message.ENC_BIN
    host.context_by_id(0).send(mitogen.core.Message(data=data, enc=enc, handle=handle))
    gate.open()
    assert slow.result(PATIENCE_S) == "waited"


@pytest.mark.parametrize(
    "reply",
    [
        wire.frame(wire.CALL, 1, wire.NULL),
        wire.frame(wire.RESULT, 1, wire.NULL)[:-1] + b"!",
        wire.frame(wire.ERROR, 1, wire.encode(["nonsense"])),
    ],
)
def test_a_reply_that_cannot_be_read_is_an_error(stage: Stage, reply: bytes) -> None:
    host = stage.host(1)

    def answer(message: Any) -> None:
        data = reply[:9] + message.data[9:17] + reply[17:]
        enc = mitogen.core.Message.ENC_BIN
        host.context_by_id(0).send(mitogen.core.Message(data=data, enc=enc, handle=message.reply_to))

    host.add_handler(answer, mitogen.core.CALL_SERVICE)
    with pytest.raises(errors.MalformedError):
        call(stage.controller.context_by_id(1), Echo, "echo", value=1)
