# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A call gets exactly one outcome, and only from whom it asked."""

from __future__ import annotations

from typing import Any

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import call, call_async, notify, wire
from ansible_svc.service.channel import Channel
from ansible_svc.service.endpoint import endpoint_of

from .conftest import PATIENCE_S, Gate, Stage, eventually
from .echo import Echo


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Echo.reset(gate)


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
