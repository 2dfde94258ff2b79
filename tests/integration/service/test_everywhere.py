# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A Pool keeps its promises to callers near and far, many at once, and whatever they send."""

from __future__ import annotations

import threading
from collections import Counter
from pathlib import Path
from typing import Any

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import (
    AllowAny,
    DeduplicatingService,
    Deferred,
    Pool,
    Service,
    arg_spec,
    call,
    call_async,
    expose,
)
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.faults import restore
from ansible_svc.service.wire import CALL, CANCEL, ERROR, MAX_DEPTH, NULL, RESULT, Body, encode, frame, read_body
from ansible_svc.service.wire import read_prefix as prefix_of
from tests.integration.service.conftest import CONTEXTS, Controller, ask, eventually, load, outcomes, pool_threads
from tests.integration.service.probe import Hooked, Probe, StartsLate
from tests.integration.service.remote import PATIENCE_S, Remote

FRAME_BYTES = 4 * 1024 * 1024


class Gate(Service):
    """Hold whoever calls."""

    max_message_bytes = 50_000

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.release = threading.Event()
        self.deferred: list[Deferred] = []

    @expose(policy=AllowAny())
    def hold(self, value: Any = None) -> str:
        assert self.release.wait(PATIENCE_S)
        return "held"

    @expose(policy=AllowAny())
    def later(self) -> Deferred:
        self.deferred.append(Deferred())
        return self.deferred[-1]

    def unmarked(self) -> None:
        raise AssertionError

    @expose()
    def nobody(self) -> None:
        raise AssertionError

    @arg_spec({"size_bytes": int})
    @expose(policy=AllowAny())
    def zeros(self, size_bytes: int) -> bytes:
        return bytes(size_bytes)


class Builder(DeduplicatingService):
    """Build one thing for everybody."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.release = threading.Event()
        self.ran_on: list[threading.Thread] = []

    @expose(policy=AllowAny())
    def build(self, what: str) -> bytes:
        self.ran_on.append(threading.current_thread())
        assert self.release.wait(PATIENCE_S)
        return what.encode() * 1000

    @expose(policy=AllowAny())
    def fail(self) -> None:
        self.ran_on.append(threading.current_thread())
        assert self.release.wait(PATIENCE_S)
        raise ValueError("cannot be built")


# -- many contexts


@pytest.fixture
def far_contexts(controller: Controller) -> list[Any]:
    """Return ten children behind ssh and a child of each, all with their Pools up."""
    near = [controller.ssh(number=number) for number in range(1, 11)]
    contexts = near + [controller.router.local(via=context) for context in near]
    for item in [call_async(context, Remote, "echo", value=1) for context in contexts]:
        assert item.result(PATIENCE_S) == 1
    return contexts


def test_200_equal_requests_from_afar_run_once_and_use_one_thread(
    controller: Controller, far_contexts: list[Any]
) -> None:
    pool = controller.pool(Builder, size=4)
    asked = [ask(context, Builder, "build", *[{"what": "x"}] * 10) for context in far_contexts]
    eventually(lambda: load(pool) == (200, 0, 1))
    # The child of the first goes with it.
    with pytest.raises(errors.DisconnectedError):
        call(far_contexts[0], Remote, "die")
    eventually(lambda: load(pool) == (180, 0, 1))
    builder = pool.service(Builder)
    builder.release.set()
    for number, item in enumerate(asked):
        if number % 10:
            assert outcomes(item) == {("brought", b"x" * 1000): 10}
        else:
            with pytest.raises(errors.DisconnectedError):
                item.result(PATIENCE_S)
    assert len(builder.ran_on) == 1
    statistics = pool.statistics()
    counts = statistics.services[Builder.name()]["build"]
    assert (counts.calls, counts.runs, counts.refused, statistics.open_requests) == (200, 1, 0, 0)


def test_a_failure_reaches_all_from_afar_and_is_not_kept(controller: Controller, far_contexts: list[Any]) -> None:
    pool = controller.pool(Builder, size=4)
    asked = [ask(context, Builder, "fail", *[{}] * 10) for context in far_contexts]
    eventually(lambda: load(pool) == (200, 0, 1))
    builder = pool.service(Builder)
    builder.release.set()
    for item in asked:
        assert outcomes(item) == {("failed", "RemoteValueError"): 10}
    assert len(builder.ran_on) == 1
    # One behind ssh and a child of one, one after the other: each has a run of its own.
    for runs, context in ((2, far_contexts[0]), (3, far_contexts[-1])):
        assert outcomes(ask(context, Builder, "fail", {})) == {("failed", "RemoteValueError"): 1}
        assert len(builder.ran_on) == runs
    counts = pool.statistics().services[Builder.name()]["fail"]
    assert (counts.calls, counts.errors, counts.runs, counts.deduplicated) == (202, 202, 3, 199)


# -- bounds


def test_a_full_queue_refuses_at_once_and_recovers(controller: Controller, context: Any) -> None:
    pool = controller.pool(Gate, size=1, queue_limit=2)
    gate = pool.service(Gate)
    asked = ask(context, Gate, "hold", *[{}] * 10)
    eventually(lambda: pool.statistics().total.refused == 7)
    # The refusals did not wait for anything: those that were accepted are still held.
    assert pool.statistics().open_requests == 3
    gate.release.set()
    assert outcomes(asked) == {("brought", "held"): 3, ("failed", "QueueFullError"): 7}
    assert outcomes(ask(context, Gate, "hold", {})) == {("brought", "held"): 1}


def test_one_caller_fills_its_own_share_only(controller: Controller, context: Any) -> None:
    other = controller.local()
    pool = controller.pool(Gate, size=1, caller_limit=3)
    asked = ask(context, Gate, "hold", *[{}] * 8)
    eventually(lambda: pool.statistics().total.refused == 5)
    others = ask(other, Gate, "hold", *[{}] * 3)
    own = [call_async(controller.router.myself(), Gate, "hold") for _ in range(5)]
    eventually(lambda: pool.statistics().open_requests == 3 + 3 + 5)
    pool.service(Gate).release.set()
    assert outcomes(asked) == {("brought", "held"): 3, ("failed", "QueueFullError"): 5}
    assert outcomes(others) == {("brought", "held"): 3}
    assert [item.result(PATIENCE_S) for item in own] == ["held"] * 5
    assert outcomes(ask(context, Gate, "hold", *[{}] * 3)) == {("brought", "held"): 3}


def test_open_requests_hold_so_many_bytes_and_no_more(controller: Controller, context: Any) -> None:
    pool = controller.pool(Gate, size=1, max_open_bytes=100_000)
    asked = ask(context, Gate, "hold", *[{"value": b"x" * 30_000}] * 5)
    eventually(lambda: pool.statistics().total.refused == 2)
    pool.service(Gate).release.set()
    assert outcomes(asked) == {("brought", "held"): 3, ("failed", "QueueFullError"): 2}
    assert outcomes(ask(context, Gate, "hold", {"value": b"x" * 30_000})) == {("brought", "held"): 1}


@pytest.mark.parametrize("kind", CONTEXTS)
def test_what_is_too_large_is_an_error_and_cuts_no_connection(controller: Controller, kind: str) -> None:
    # Before there are children: they inherit it.
    controller.router.max_message_size = FRAME_BYTES
    context = controller.context(kind)
    pool = controller.pool(Gate, size=1, max_message_bytes=1_000_000)
    pool.service(Gate).release.set()
    sizes = {10_000: "brought", 60_000: "failed", 2_000_000: "failed", FRAME_BYTES: "unsent"}
    told = call(context, Probe, "ask_large", context_id=0, service=Gate.name(), method="hold", sizes=list(sizes))
    assert [how for how, _ in told] == list(sizes.values())
    assert {what for _, what in told[1:]} == {"MessageTooLargeError"}
    assert outcomes(ask(context, Gate, "zeros", {"size_bytes": FRAME_BYTES})) == {("failed", "MessageTooLargeError"): 1}
    # The other way.
    for value in (b"x" * 2_000_000, b"x" * FRAME_BYTES):
        with pytest.raises(errors.MessageTooLargeError):
            call(context, Remote, "echo", value=value)
    assert call(context, Remote, "echo", value=b"x" * 900_000) == b"x" * 900_000
    assert pool.statistics().open_requests == 0


# -- what cannot be read


def call_frame(number: int, **changes: Any) -> bytes:
    return frame(CALL, number, encode({"s": Gate.name(), "m": "zeros", "k": {"size_bytes": 3}, **changes}))


def nested(levels: int) -> Any:
    return [nested(levels - 1)] if levels else 0


#: Frames whose number cannot be read, and then one of each number from 1 on.
UNREADABLE = [b"", b"noise", b"\0" * 29, b"svc2" + call_frame(1)[4:], call_frame(1)[:28]]
MALFORMED = [
    call_frame(1)[:-1],
    call_frame(2) + b"x",
    frame(RESULT, 3, NULL),
    frame(99, 4, NULL),
    frame(CALL, 5, encode({}), float("nan")),
    frame(CALL, 6, encode([])),
    call_frame(7, s=None),
    call_frame(8, m={}),
    call_frame(9, k=[]),
    call_frame(10, k={"value": nested(MAX_DEPTH + 1)}),
    frame(CALL, 11, Body(0, 0, 9, (b"not JSON!",))),
    frame(CALL, 12, Body(0, 0, 2, (b"\xff\xfe",))),
    frame(CALL, 13, Body(0, 1, 13, (b"\0" * 7 + b"\x05", b'{"\\u00000":7}', b"12345"))),
    frame(CALL, 14, Body(0, 1, 13, (b"\xff" * 8, b'{"\\u00000":0}', b"12345"))),
    frame(CALL, 15, Body(0, 0xFFFF, 0xFFFFFFFF, ())),
]


#: What can be read and is refused, and with what; numbered from 16 on.
REFUSED = [
    (call_frame(16, s="no.such.Service"), errors.UnknownServiceError),
    (call_frame(17, s="tests.integration.service.exits.Service"), errors.UnknownServiceError),
    (call_frame(18, s=499), errors.UnknownServiceError),
    (call_frame(19, m="unmarked"), errors.UnknownMethodError),
    (call_frame(20, m="on_shutdown"), errors.UnknownMethodError),
    (call_frame(21, m="no such method"), errors.UnknownMethodError),
    (call_frame(22, m="nobody", k={}), errors.RefusedError),
    (call_frame(23, k={}), errors.ArgumentError),
    (call_frame(24, k={"size_bytes": "3"}), errors.ArgumentError),
    (call_frame(25, k={"size_bytes": True}), errors.ArgumentError),
    (call_frame(26, k={"size_bytes": 3, "more": 1}), errors.ArgumentError),
    # For the service, and for the Pool.
    (call_frame(27, k={"size_bytes": b"x" * 60_000}), errors.MessageTooLargeError),
    (call_frame(28, k={"size_bytes": b"x" * 110_000}), errors.MessageTooLargeError),
]
EXPECTED: Counter[tuple[int, type[errors.Error]]] = Counter(
    [(0, errors.MalformedError)] * len(UNREADABLE)
    + [(number, errors.MalformedError) for number in range(1, len(MALFORMED) + 1)]
    + [(number, error) for number, (_, error) in enumerate(REFUSED, len(MALFORMED) + 1)]
)


def test_each_call_that_is_not_served_gets_one_typed_error(controller: Controller, context: Any) -> None:
    pool = controller.pool(Gate, size=1, max_message_bytes=100_000)
    # No cancellation is ever answered. The last call waits for the one thread, so all other answers come before.
    frames = [*UNREADABLE, frame(CANCEL, 70, NULL), *MALFORMED, *(data for data, _ in REFUSED), call_frame(99)]
    answers = call(context, Probe, "send_calls", context_id=0, frames=frames, last=99)
    *refusals, (_, last) = answers
    assert {source for source, _ in answers} == {0}
    assert read_body(last, prefix_of(last)) == bytes(3)
    prefixes = [prefix_of(data) for _, data in refusals]
    assert {prefix.kind for prefix in prefixes} == {ERROR}
    told = [
        (prefix.number, type(restore(read_body(data, prefix))))
        for (_, data), prefix in zip(refusals, prefixes, strict=True)
    ]
    assert Counter(told) == EXPECTED
    statistics = pool.statistics()
    assert (statistics.total.refused, statistics.total.runs, statistics.open_requests) == (len(refusals), 1, 0)
    assert outcomes(ask(context, Gate, "zeros", {"size_bytes": 2})) == {("brought", b"\0\0"): 1}
    assert len(pool_threads()) == 1


def test_what_wants_no_answer_gets_none(controller: Controller, context: Any) -> None:
    pool = controller.pool(Gate, size=1)
    frames = [*UNREADABLE, *MALFORMED]
    for enc in (mitogen.core.Message.ENC_BIN, mitogen.core.Message.ENC_PKL):
        sent = {"context_id": 0, "handle": mitogen.core.CALL_SERVICE, "frames": frames, "enc": enc}
        call(context, Probe, "send", **sent)
    eventually(lambda: pool.statistics().total.refused == 2 * len(frames))
    total = pool.statistics().total
    assert (total.bytes_out, total.runs) == (0, 0)
    assert outcomes(ask(context, Gate, "zeros", {"size_bytes": 2})) == {("brought", b"\0\0"): 1}


def test_a_number_in_use_is_refused_and_its_first_call_is_answered(controller: Controller, context: Any) -> None:
    pool = controller.pool(Gate, size=1)
    frames = [call_frame(5, m="hold", k={}), call_frame(5), call_frame(99)]
    sent = call_async(context, Probe, "send_calls", context_id=0, frames=frames, last=99)
    eventually(lambda: pool.statistics().total.refused == 1)
    pool.service(Gate).release.set()
    prefixes = [prefix_of(data) for _, data in sent.result(PATIENCE_S)]
    assert [(prefix.kind, prefix.number) for prefix in prefixes] == [(ERROR, 5), (RESULT, 5), (RESULT, 99)]


def test_replies_that_cannot_be_read_or_come_from_others_end_no_call_of_theirs(
    controller: Controller, context: Any
) -> None:
    other = controller.local()
    waiting = [call_async(context, Remote, "wait") for _ in range(2)]
    eventually(lambda: call(context, Remote, "open_requests") == 3)
    channel = endpoint_of(controller.router).channel(context)

    def forge(sender: Any, *frames: bytes) -> None:
        enc = mitogen.core.Message.ENC_BIN
        call(sender, Probe, "send", context_id=0, handle=channel._handle, frames=list(frames), enc=enc)

    forge(other, *[frame(RESULT, item.number, encode("forged")) for item in waiting])
    forge(context, *UNREADABLE, frame(RESULT, 2**63, NULL))
    assert not any(item.done() for item in waiting)
    forge(context, frame(CALL, waiting[0].number, NULL))
    with pytest.raises(errors.MalformedError):
        waiting[0].result(PATIENCE_S)
    call(context, Remote, "let_go")
    assert waiting[1].result(PATIENCE_S) == "released"


# -- a process asks itself while others ask it


def invoke_on_thread(pool: Pool, results: list[object]) -> threading.Thread:
    thread = threading.Thread(target=lambda: results.append(pool.invoke(Builder, "build", what="x")))
    thread.start()
    return thread


@pytest.mark.parametrize("first", ["invoke", "remote"])
def test_invoke_and_calls_from_everywhere_share_one_run(controller: Controller, first: str) -> None:
    contexts = [controller.context(kind) for kind in CONTEXTS]
    pool = controller.pool(Builder, size=2)
    builder = pool.service(Builder)
    results: list[object] = []
    asked = [] if first == "invoke" else [ask(contexts[0], Builder, "build", {"what": "x"})]
    threads = [] if first == "remote" else [invoke_on_thread(pool, results)]
    eventually(lambda: len(builder.ran_on) == 1)
    asked += [ask(context, Builder, "build", *[{"what": "x"}] * 5) for context in contexts]
    threads += [invoke_on_thread(pool, results) for _ in range(3)]
    # The run is on the thread of whoever came first; nobody else holds a thread of the Pool.
    busy = int(first == "remote")
    expected = 15 + len(threads) + busy
    eventually(lambda: load(pool) == (expected, 0, busy))
    assert (builder.ran_on[0] in threads) == (first == "invoke")
    # Those who give up disturb nobody, whichever side they are on.
    with pytest.raises(errors.DeadlineExceededError):
        pool.invoke(Builder, "build", what="x", timeout_s=0.05)
    with pytest.raises(errors.DisconnectedError):
        call(contexts[0], Remote, "die")
    eventually(lambda: load(pool) == (expected - 5 - busy, 0, busy))
    builder.release.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert results == [b"x" * 1000] * len(threads)
    assert all(result is results[0] for result in results)
    for item in asked[-2:]:
        assert outcomes(item) == {("brought", b"x" * 1000): 5}
    for item in asked[:-2]:
        with pytest.raises(errors.DisconnectedError):
            item.result(PATIENCE_S)
    # The answer is kept for both.
    assert pool.invoke(Builder, "build", what="x") is results[0]
    assert outcomes(ask(contexts[1], Builder, "build", {"what": "x"})) == {("brought", b"x" * 1000): 1}
    assert len(builder.ran_on) == 1


# -- hooks of services in children


def test_a_childs_service_starts_once_before_its_first_request(context: Any, tmp_path: Path) -> None:
    calls = [call_async(context, Hooked, "told", path=str(tmp_path / "told")) for _ in range(20)]
    assert [item.result(PATIENCE_S) for item in calls] == [[1, True]] * 20


def test_a_childs_service_that_cannot_start_is_tried_again(context: Any) -> None:
    with pytest.raises(errors.ActivationError) as caught:
        call(context, StartsLate, "count")
    assert "no disk yet" in (caught.value.remote_traceback or "")
    assert call(context, StartsLate, "count") == 2


def test_a_childs_service_shuts_down_once_with_its_pool(context: Any, tmp_path: Path) -> None:
    told = tmp_path / "told"
    call(context, Hooked, "told", path=str(told))
    assert not told.exists()
    with pytest.raises(errors.PoolClosedError):
        call(context, Remote, "close_pool")
    eventually(lambda: told.exists() and told.read_text() != "")
    context.shutdown(wait=True)
    assert told.read_text() == "shut down\n"


def test_a_childs_service_shuts_down_with_the_way_to_it(controller: Controller, tmp_path: Path) -> None:
    for kind in CONTEXTS:
        call(controller.context(kind), Hooked, "told", path=str(tmp_path / kind))
    # The grandchild is not told by anybody: it notices that its parent has gone.
    for kind in ("local", "ssh"):
        controller.context(kind).shutdown(wait=True)
    expected = dict.fromkeys(CONTEXTS, "shut down\n")
    eventually(lambda: {path.name: path.read_text() for path in tmp_path.iterdir()} == expected)


# -- the end


def test_close_ends_calls_of_every_kind_from_everywhere(controller: Controller) -> None:
    contexts = [controller.context(kind) for kind in CONTEXTS]
    pool = controller.pool(Gate, Builder, size=3)
    gate, builder = pool.service(Gate), pool.service(Builder)
    asked = [ask(context, Gate, "later", {}, {}) for context in contexts]
    eventually(lambda: len(gate.deferred) == 6)
    asked += [ask(context, Builder, "build", *[{"what": "x"}] * 3) for context in contexts]
    eventually(lambda: load(pool) == (6 + 9, 0, 1))
    # Two of these run and seven wait for a thread.
    asked += [ask(context, Gate, "hold", *[{}] * 3) for context in contexts]
    eventually(lambda: load(pool) == (6 + 9 + 9, 7, 3))
    closing = threading.Thread(target=pool.close)
    closing.start()
    # All callers are told, although the three methods that run heed nothing.
    for item in asked:
        assert set(outcomes(item)) == {("failed", "PoolClosedError")}
    assert closing.is_alive()
    assert len(pool_threads()) == 3
    for context in contexts:
        assert outcomes(ask(context, Gate, "hold", {})) == {("failed", "PoolClosedError"): 1}
    gate.release.set()
    builder.release.set()
    closing.join(PATIENCE_S)
    assert not closing.is_alive()
    assert not pool_threads()
    # What comes too late is no error here either.
    for deferred in gate.deferred:
        deferred.resolve("late")
    counts = pool.statistics().services
    assert (counts[Gate.name()]["hold"].runs, counts[Builder.name()]["build"].runs) == (2, 1)
