# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Pool bounds what it takes, answers everything once, and ends when it is told to."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import AllowAny, Pool, Service, arg_spec, call, call_async, expose, faults, wire
from ansible_svc.service.testing import FakeRouter

from .conftest import PATIENCE_S, Gate, Stage, eventually


class Worker(Service):
    """Do some work."""

    gate: Gate
    log: ClassVar[list[str]] = []
    cancelled = threading.Event()

    def on_start(self) -> None:
        self.log.append("start")

    def on_shutdown(self) -> None:
        self.log.append("shutdown")

    @expose(policy=AllowAny())
    def echo(self, value: Any) -> Any:
        return value

    @expose()
    def hidden(self) -> None:
        raise AssertionError

    @arg_spec({"value": int})
    @expose(policy=AllowAny())
    def typed(self, value: int) -> int:
        return value

    @expose(policy=AllowAny())
    def wait(self) -> None:
        self.gate.wait()

    @expose(policy=AllowAny(), wants_request=True)
    def until_cancelled(self, request: Any) -> None:
        ended = threading.Event()
        request.on_cancel(self.cancelled.set)
        request.on_cancel(lambda: 1 / 0)
        request.on_cancel(ended.set)
        self.gate.wait()
        assert ended.wait(PATIENCE_S)

    @expose(policy=AllowAny())
    def leave(self) -> None:
        raise SystemExit(3)


class Small(Worker):
    """Take small requests only."""

    max_message_bytes = 200


@pytest.fixture(autouse=True)
def fresh(gate: Gate) -> None:
    Worker.gate = gate
    Worker.log = []
    Worker.cancelled = threading.Event()


#: Number of the call that a RawCaller makes in the end.
LAST = 99


class RawCaller:
    """Send whatever a test likes, and collect every reply."""

    def __init__(self, host: FakeRouter) -> None:
        self.host = host
        self.replies: list[Any] = []
        self.handle = host.add_handler(self.replies.append)

    def send(self, data: bytes, enc: int = mitogen.core.Message.ENC_BIN, reply: bool = True) -> None:
        self.host.context_by_id(0).send(
            mitogen.core.Message(
                data=data, enc=enc, handle=mitogen.core.CALL_SERVICE, reply_to=self.handle if reply else 0
            )
        )

    def all_replies(self) -> list[tuple[int, int, Any]]:
        """
        Return kind, number and value of every reply there will ever be.

        The Pool has one thread, so when the answer to a last call is there, so are all others.
        """
        self.send(request(LAST))
        eventually(lambda: any(wire.read_prefix(reply.data).number == LAST for reply in self.replies))
        prefixes = [wire.read_prefix(reply.data) for reply in self.replies]
        *told, last = [
            (prefix.kind, prefix.number, wire.read_body(reply.data, prefix))
            for prefix, reply in zip(prefixes, self.replies, strict=True)
        ]
        assert last == (wire.RESULT, LAST, 1)
        return told

    def only_error(self) -> errors.Error:
        ((kind, _, fields),) = self.all_replies()
        assert kind == wire.ERROR
        return faults.restore(fields)


def request(number: int = 7, **fields: Any) -> bytes:
    value = {"s": Worker.name(), "m": "echo", "k": {"value": 1}, **fields}
    return wire.frame(wire.CALL, number, wire.encode(value))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"noise",
        request()[:-1],
        request() + b"x",
        wire.frame(wire.RESULT, 7, wire.NULL),
        wire.frame(99, 7, wire.NULL),
        wire.frame(wire.CALL, 7, wire.NULL),
        wire.frame(wire.CALL, 7, wire.encode([])),
        wire.frame(wire.CALL, 7, wire.encode({})),
        request(s=None),
        request(s=True),
        request(s=1.5),
        request(s=[]),
        request(m=None),
        request(m={}),
        request(k=None),
        request(k=[]),
    ],
)
def test_a_malformed_request_gets_one_error(stage: Stage, data: bytes) -> None:
    pool = stage.pool(Worker, size=1)
    caller = RawCaller(stage.host(1))
    caller.send(data)
    assert type(caller.only_error()) is errors.MalformedError
    assert pool.statistics().total.refused == 1
    assert pool.statistics().open_requests == 0


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (request(s="no.such.Service"), errors.UnknownServiceError),
        (request(s=77), errors.UnknownServiceError),
        (request(m="no_such_method"), errors.UnknownMethodError),
        (request(m="on_shutdown"), errors.UnknownMethodError),
        (request(m="hidden", k={}), errors.RefusedError),
        (request(k={}), errors.ArgumentError),
        (request(k={"value": 1, "more": 1}), errors.ArgumentError),
        (request(m="typed", k={"value": "1"}), errors.ArgumentError),
        (request(s=f"{__name__}.Small", k={"value": b"x" * 200}), errors.MessageTooLargeError),
        (request(k={"value": b"x" * 1000}), errors.MessageTooLargeError),
    ],
)
def test_a_refused_request_gets_one_error(stage: Stage, data: bytes, error: type[errors.Error]) -> None:
    pool = stage.pool(Worker, Small, size=1, max_message_bytes=1000)
    caller = RawCaller(stage.host(1))
    caller.send(data)
    assert type(caller.only_error()) is error
    total = pool.statistics().total
    assert (total.refused, total.runs, pool.statistics().open_requests) == (1, 1, 0)


def test_what_other_frameworks_send_is_refused(stage: Stage) -> None:
    stage.pool(Worker, size=1)
    caller = RawCaller(stage.host(1))
    caller.send(mitogen.core.Message.pickled(("name", "method", {})).data, enc=mitogen.core.Message.ENC_PKL)
    assert isinstance(caller.only_error(), errors.MalformedError)


def test_a_malformed_message_that_wants_no_reply_gets_none(stage: Stage) -> None:
    pool = stage.pool(Worker, size=1)
    caller = RawCaller(stage.host(1))
    caller.send(b"noise", reply=False)
    assert caller.all_replies() == []
    assert pool.statistics().total.refused == 1


def test_a_dead_message_of_a_host_does_not_stop_the_pool(stage: Stage) -> None:
    stage.pool(Worker)
    host = stage.host(1)
    host.context_by_id(0).send(mitogen.core.Message.dead("die", handle=mitogen.core.CALL_SERVICE))
    assert call(stage.up(host), Worker, "echo", value=1) == 1


def test_a_number_that_is_in_use_is_refused(stage: Stage, gate: Gate) -> None:
    stage.pool(Worker, size=1)
    caller = RawCaller(stage.host(1))
    caller.send(request(m="wait", k={}))
    gate.await_entered()
    caller.send(request())
    gate.open()
    refusal, answer = caller.all_replies()
    assert refusal[:2] == (wire.ERROR, 7)
    assert isinstance(faults.restore(refusal[2]), errors.MalformedError)
    assert answer == (wire.RESULT, 7, None)


@pytest.mark.parametrize("service", ["no.such.Service", "", "ansible_svc.service.Service", "os.system", 77])
def test_an_unknown_service_is_an_error(stage: Stage, service: Any) -> None:
    pool = stage.pool(Worker)
    with pytest.raises(errors.UnknownServiceError):
        call(stage.up(stage.host(1)), service, "echo", value=1)
    eventually(lambda: pool.statistics().services["?"]["?"].refused == 1)


def test_a_request_may_be_too_large_for_a_service_or_for_the_pool(stage: Stage) -> None:
    stage.pool(Worker, Small, max_message_bytes=1000)
    up = stage.up(stage.host(1))
    assert call(up, Worker, "echo", value=b"x" * 500) == b"x" * 500
    with pytest.raises(errors.MessageTooLargeError, match="200"):
        call(up, Small, "echo", value=b"x" * 500)
    with pytest.raises(errors.MessageTooLargeError, match="1000"):
        call(up, Worker, "echo", value=b"x" * 1000)
    assert call(up, Small, "echo", value=1) == 1


def test_a_full_queue_is_an_error_and_recovers(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Worker, size=1, queue_limit=2)
    up = stage.up(stage.host(1))
    calls = [call_async(up, Worker, "wait") for _ in range(3)]
    for _ in range(2):
        # Two that wait and one that runs.
        with pytest.raises(errors.QueueFullError, match=r"3 requests are open; this Pool takes 3$"):
            call(up, Worker, "echo", value=1)
    gate.open()
    for item in calls:
        item.result(PATIENCE_S)
    eventually(lambda: pool.statistics().open_requests == 0)
    assert call(up, Worker, "echo", value=1) == 1
    statistics = pool.statistics()
    assert (statistics.total.refused, statistics.open_high_water) == (2, 3)


def test_one_host_cannot_fill_the_queue_for_all(stage: Stage, gate: Gate) -> None:
    stage.pool(Worker, size=1, caller_limit=2)
    greedy, other = stage.up(stage.host(1)), stage.up(stage.host(2))
    calls = [call_async(greedy, Worker, "wait") for _ in range(2)]
    with pytest.raises(errors.QueueFullError, match=r"has 2 open requests; this Pool takes 2$"):
        call(greedy, Worker, "wait")
    patient = call_async(other, Worker, "echo", value=1)
    gate.open()
    assert patient.result(PATIENCE_S) == 1
    for item in calls:
        item.result(PATIENCE_S)


def test_open_requests_hold_a_bounded_number_of_bytes(stage: Stage, gate: Gate) -> None:
    stage.pool(Worker, size=1, max_open_bytes=2000)
    up = stage.up(stage.host(1))
    first = call_async(up, Worker, "wait")
    gate.await_entered()
    second = call_async(up, Worker, "echo", value=b"x" * 1500)
    with pytest.raises(errors.QueueFullError, match=r"hold 1[0-9]{3} bytes; this Pool takes 2000$"):
        call(up, Worker, "echo", value=b"x" * 1500)
    gate.open()
    first.result(PATIENCE_S)
    assert second.result(PATIENCE_S) == b"x" * 1500


def test_a_method_that_exits_ends_no_thread(stage: Stage) -> None:
    stage.pool(Worker, size=1)
    up = stage.up(stage.host(1))
    with pytest.raises(errors.CancelledError, match="SystemExit"):
        call(up, Worker, "leave")
    assert call(up, Worker, "echo", value=1) == 1


# -- life


def test_closing_ends_running_and_waiting_calls_and_all_threads(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Worker, size=1)
    host = stage.host(1)
    running = call_async(stage.up(host), Worker, "until_cancelled")
    gate.await_entered()
    waiting = [call_async(stage.up(host), Worker, "echo", value=1) for _ in range(3)]
    gate.open()
    pool.close()
    assert Worker.cancelled.is_set()
    for item in [running, *waiting]:
        with pytest.raises(errors.PoolClosedError):
            item.result(0)
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("ansible_svc.pool")]
    assert Worker.log == ["start", "shutdown"]
    assert mitogen.core.CALL_SERVICE not in stage.controller.handlers
    with pytest.raises(errors.PoolClosedError):
        call(stage.up(host), Worker, "echo", value=1)


def test_stopping_answers_callers_before_methods_have_returned(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Worker, size=1)
    running = call_async(stage.up(stage.host(1)), Worker, "wait")
    gate.await_entered()
    pool.stop()
    with pytest.raises(errors.PoolClosedError):
        running.result(0)
    assert not pool.join(0)
    gate.open()
    assert pool.join(PATIENCE_S)


def test_a_pool_closed_by_one_of_its_methods_does_not_wait_for_itself(stage: Stage) -> None:
    class Closer(Service):
        @expose(policy=AllowAny())
        def shut(self) -> None:
            pools[0].close()

    pools = [stage.pool(Closer)]
    with pytest.raises(errors.PoolClosedError):
        call(stage.up(stage.host(1)), Closer, "shut")
    assert pools[0].join(PATIENCE_S)


def test_a_pool_is_a_context_manager_and_closing_twice_is_nothing(stage: Stage) -> None:
    with Pool(stage.controller, services=[Worker(stage.controller)]) as pool:
        pool.close()
    pool.stop()
    assert Worker.log == ["start", "shutdown"]
    with pytest.raises(errors.PoolClosedError):
        pool.add(Small(stage.controller))
    with pytest.raises(errors.PoolClosedError):
        pool.invoke(Worker, "echo", value=1)


def test_a_router_has_one_pool_at_a_time(stage: Stage) -> None:
    first = stage.pool()
    with pytest.raises(RuntimeError):
        Pool(stage.controller)
    first.close()
    stage.pool()


def test_a_name_is_taken_once(stage: Stage) -> None:
    pool = stage.pool(Worker)
    with pytest.raises(ValueError, match="already"):
        pool.add(Worker(stage.controller))
    assert Worker.log == ["start", "start", "shutdown"]


def test_a_service_that_cannot_start_leaves_no_pool(stage: Stage) -> None:
    class Broken(Service):
        def on_start(self) -> None:
            raise OSError("no disk")

    with pytest.raises(OSError, match="no disk"):
        Pool(stage.controller, services=[Worker(stage.controller), Broken(stage.controller)])
    assert Worker.log == ["start", "shutdown"]
    assert stage.controller.handlers == {}


def test_the_exit_of_the_broker_stops_the_pool(stage: Stage) -> None:
    pool = stage.pool(Worker)
    stage.controller.exit()
    assert pool.join(PATIENCE_S)
    assert Worker.log == ["start", "shutdown"]


# -- statistics


def test_statistics_count_per_service_and_method(stage: Stage) -> None:
    pool = stage.pool(Worker, Small, size=3)
    up = stage.up(stage.host(1))
    for _ in range(2):
        call(up, Worker, "echo", value=b"x" * 100)
    with pytest.raises(errors.ArgumentError):
        call(up, Worker, "echo")
    with pytest.raises(errors.MessageTooLargeError):
        call(up, Small, "echo", value=b"x" * 300)
    with pytest.raises(errors.UnknownMethodError):
        call(up, Small, "made up by the caller")
    eventually(lambda: pool.statistics().total.calls == 5)
    statistics = pool.statistics()
    echo = statistics.services[Worker.name()]["echo"]
    assert (echo.calls, echo.errors, echo.refused, echo.deduplicated, echo.runs) == (3, 0, 1, 0, 2)
    assert echo.bytes_in > 200
    assert echo.bytes_out > 200
    assert 0 <= echo.time_s < PATIENCE_S
    assert set(statistics.services[Small.name()]) == {"echo", "?"}
    assert (statistics.threads, statistics.open_requests, statistics.queue_length) == (3, 0, 0)
    assert statistics.total.bytes_in == sum(
        counts.bytes_in for methods in statistics.services.values() for counts in methods.values()
    )
    with pytest.raises(AttributeError):
        statistics.threads = 4  # type: ignore[misc]


def test_the_queue_has_a_high_water_mark(stage: Stage, gate: Gate) -> None:
    pool = stage.pool(Worker, size=1)
    up = stage.up(stage.host(1))
    first = call_async(up, Worker, "wait")
    gate.await_entered()
    more = [call_async(up, Worker, "echo", value=1) for _ in range(5)]
    assert pool.statistics().queue_length == 5
    gate.open()
    for item in [first, *more]:
        item.result(PATIENCE_S)
    statistics = pool.statistics()
    assert (statistics.queue_length, statistics.queue_high_water) == (0, 5)
