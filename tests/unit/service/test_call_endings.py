# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A call that is not answered ends in time, on both sides, and leaves nothing behind."""

from __future__ import annotations

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import call, call_async, notify
from ansible_svc.service.calls import Call
from ansible_svc.service.endpoint import endpoint_of

from .conftest import PATIENCE_S, Gate, Stage, eventually, settled
from .echo import Echo


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Echo.reset(gate)


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
    eventually(lambda: settled(pool, 0))
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
