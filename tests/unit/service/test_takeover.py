# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A parent starts its child's Pool with one message; the child loses none that came before."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import born_with_pool, call, call_async, configure_children, takeover, wire
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.testing import FakeEndpoint, FakeRouter

from . import activated
from .conftest import PATIENCE_S, Stage

PACKAGE = activated.__name__.rpartition(".")[0]
PKL = mitogen.core.Message.ENC_PKL


@pytest.fixture(autouse=True)
def fresh() -> None:
    activated.constructed.clear()


# -- in the child


class Child:
    """Be a child of mitogen as it is before its Pool: a Receiver listens on CALL_SERVICE."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.router = stage.host(1)
        self.stubbed = 0
        receiver = mitogen.core.Receiver(self.router, handle=mitogen.core.CALL_SERVICE)
        receiver.notify = lambda _: self.dispatcher._init_service_pool()
        self.dispatcher = SimpleNamespace(_service_recv=receiver, _init_service_pool=self.init_service_pool)
        self.econtext = SimpleNamespace(dispatcher=self.dispatcher, router=self.router, broker=self.router.broker)

    def init_service_pool(self) -> None:
        """Be what imports mitogen.service."""
        self.stubbed += 1

    def start(self, *packages: str, pool_size: int = 2) -> None:
        takeover.start(list(packages), pool_size, econtext=self.econtext)
        pool = endpoint_of(self.router).pool
        if pool is not None and pool not in self.stage.pools:
            self.stage.pools.append(pool)


@pytest.fixture
def child(stage: Stage) -> Child:
    return Child(stage)


def echo(child: Child, value: object) -> Any:
    return call_async(child.stage.controller.context_by_id(1), activated.Plain, "echo", value=value)


def test_what_came_before_the_pool_is_answered_in_order(child: Child) -> None:
    early = [echo(child, value) for value in range(5)]
    assert not any(item.done() for item in early)
    assert child.stubbed == 5
    child.start(PACKAGE, pool_size=1)
    assert [item.result(PATIENCE_S) for item in early] == list(range(5))
    answers = [wire.read_body(sent.data, wire.read_prefix(sent.data)) for sent in child.router.sent]
    assert answers == list(range(5))
    assert echo(child, "late").result(PATIENCE_S) == "late"
    assert child.dispatcher._service_recv.notify is None
    assert child.stubbed == 5


def test_mitogens_services_are_put_off_for_good(child: Child) -> None:
    child.start(PACKAGE)
    # For a STUB_CALL_SERVICE message that is queued already.
    child.dispatcher._init_service_pool()
    assert child.stubbed == 0


def test_mitogens_services_are_put_off_also_when_the_pool_cannot_start(
    child: Child, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ansible_svc.service.pool", None)
    with pytest.raises(ImportError):
        child.start(PACKAGE)
    child.dispatcher._init_service_pool()
    assert child.stubbed == 0


def test_a_dead_message_that_came_before_the_pool_does_not_stop_it(child: Child) -> None:
    child.stage.controller.context_by_id(1).send(mitogen.core.Message.dead("die", handle=mitogen.core.CALL_SERVICE))
    child.start(PACKAGE)
    assert echo(child, 1).result(PATIENCE_S) == 1


def test_a_second_start_allows_more_packages_in_the_same_pool(child: Child) -> None:
    child.start("some.package", pool_size=3)
    pool = endpoint_of(child.router).pool
    assert pool is not None
    with pytest.raises(errors.UnknownServiceError):
        echo(child, 1).result(PATIENCE_S)
    child.start(PACKAGE, "some.package", pool_size=7)
    assert endpoint_of(child.router).pool is pool
    assert (pool.size, pool.activator.packages) == (3, ("some.package", PACKAGE))
    assert echo(child, 1).result(PATIENCE_S) == 1


def test_a_pool_that_was_closed_is_not_started_again(child: Child) -> None:
    child.start(PACKAGE)
    child.stage.pools[0].close()
    child.start(PACKAGE)
    assert endpoint_of(child.router).pool is None
    with pytest.raises(errors.PoolClosedError):
        echo(child, 1).result(PATIENCE_S)


def test_the_childs_own_children_get_the_same_options(child: Child) -> None:
    child.start(PACKAGE, "some.package", pool_size=3)
    options = endpoint_of(child.router).child_options
    assert (options.packages, options.pool_size, options.modules) == ((PACKAGE, "some.package"), 3, ())


def test_the_pool_stops_before_the_broker_does(child: Child) -> None:
    child.start(PACKAGE)
    mitogen.core.fire(child.router.broker, "shutdown")
    assert child.stage.pools[0].join(PATIENCE_S)


# -- in the parent


class Parent:
    """Be a parent of context 1, and collect what it sends there to start the Pool."""

    def __init__(self, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stage = stage
        self.router: FakeRouter = stage.controller
        self.starts: list[Any] = []
        self.pushed: list[tuple[int, tuple[str, ...]]] = []
        self.child = stage.host(1)
        self.child.add_handler(self.starts.append, handle=mitogen.core.CALL_FUNCTION)
        # The Pool itself is there already, so that calls are answered.
        stage.pool(activated.Plain, router=self.child)
        # Only here: the fake endpoint leaves it to the tests otherwise.
        monkeypatch.setattr(FakeEndpoint, "starts_pool_of", FakeEndpoint.__mro__[1].starts_pool_of)
        self.router.__dict__["responder"] = SimpleNamespace(
            forward_modules=lambda context, names: self.pushed.append((context.context_id, names))
        )

    @property
    def down(self) -> Any:
        return self.router.context_by_id(1)

    def call(self, value: object = 1) -> Any:
        return call(self.down, activated.Plain, "echo", timeout_s=PATIENCE_S, value=value)

    def answer(self, message: Any) -> None:
        """Have the child answer the start of its Pool."""
        message.handle = self.starts[-1].reply_to
        self.child.context_by_id(0).send(message)

    def started_with(self) -> Any:
        """Return module, function and keywords of the one start."""
        (message,) = self.starts
        assert message.enc == PKL
        _, module, cls, function, args, keywords = message.unpickle()
        assert (cls, args) == (None, ())
        return module, function, keywords


@pytest.fixture
def parent(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> Parent:
    return Parent(stage, monkeypatch)


def test_the_first_call_starts_the_pool_ahead_of_itself(parent: Parent) -> None:
    assert [parent.call(value) for value in (1, 2)] == [1, 2]
    handles = [message.handle for message in parent.router.sent]
    assert handles == [mitogen.core.CALL_FUNCTION, mitogen.core.CALL_SERVICE, mitogen.core.CALL_SERVICE]
    expected = {"packages": ["ansible_svc"], "pool_size": 4}
    assert parent.started_with() == (takeover.__name__, "start", expected)
    assert parent.pushed == [(1, takeover.MODULES)]


def test_how_children_are_started_can_be_set(parent: Parent) -> None:
    configure_children(parent.router, packages=("a", "b"))
    configure_children(parent.router, pool_size=7)
    configure_children(parent.router, modules=("a.module",))
    parent.call()
    assert parent.started_with()[2] == {"packages": ["a", "b"], "pool_size": 7}
    assert parent.pushed == [(1, (*takeover.MODULES, "a.module"))]


def test_only_the_controller_pushes(parent: Parent) -> None:
    del parent.router.__dict__["responder"]
    assert parent.call() == 1
    assert len(parent.starts) == 1


def test_no_pool_is_started_where_there_is_one_or_where_it_is_not_ours(parent: Parent) -> None:
    born_with_pool(parent.down)
    assert parent.call() == 1
    parent.router.add_handler(parent.starts.append, handle=mitogen.core.CALL_FUNCTION)
    parent.stage.pool(activated.Plain)
    for context in (parent.stage.up(parent.child), parent.router.context_by_id(0)):
        assert call(context, activated.Plain, "echo", timeout_s=PATIENCE_S, value=1) == 1
    assert not parent.starts
    # A context of that number that comes later is another one.
    endpoint_of(parent.router)._on_disconnect(1)
    assert parent.call() == 1
    assert len(parent.starts) == 1


def test_a_start_that_brings_none_has_succeeded(parent: Parent) -> None:
    parent.call()
    parent.answer(mitogen.core.Message.pickled(None))
    assert parent.call() == 1
    assert len(parent.starts) == 1


def test_a_start_that_fails_fails_all_calls_and_is_tried_again(parent: Parent) -> None:
    # A call that nobody answers: the child has no Pool.
    parent.child.add_handler(lambda _: None, handle=mitogen.core.CALL_SERVICE, overwrite=True)
    waiting = [call_async(parent.down, activated.Plain, "echo", value=1) for _ in range(2)]
    parent.answer(mitogen.core.Message.pickled(mitogen.core.CallError(OSError("no memory"))))
    for item in waiting:
        with pytest.raises(errors.BootstrapError, match="context 1 ") as caught:
            item.result(0)
        assert "no memory" in (caught.value.remote_traceback or "")
    call_async(parent.down, activated.Plain, "echo", value=1).cancel()
    assert len(parent.starts) == 2


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "cannot be read: "),
        (b"noise", "cannot be read: "),
        (b"cos\nsystem\n.", "cannot be read: StreamError"),
        (mitogen.core.Message.pickled([1]).data, "[1]"),
        (mitogen.core.Message.pickled("x" * 1024 * 1024).data, "the answer cannot be read"),
    ],
)
def test_noise_in_place_of_the_answer_is_an_error(parent: Parent, data: bytes, told: str) -> None:
    parent.child.add_handler(lambda _: None, handle=mitogen.core.CALL_SERVICE, overwrite=True)
    waiting = call_async(parent.down, activated.Plain, "echo", value=1)
    parent.answer(mitogen.core.Message(data=data, enc=PKL))
    with pytest.raises(errors.BootstrapError) as caught:
        waiting.result(0)
    assert told in (caught.value.remote_traceback or "")


def test_a_child_that_vanishes_before_it_is_started_is_an_error(parent: Parent) -> None:
    parent.stage.network.disconnect(1)
    with pytest.raises(errors.DisconnectedError):
        parent.call()
    parent.child.exit()


def test_a_router_that_takes_no_start_is_an_error(parent: Parent, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(message: object) -> None:
        raise mitogen.core.Error("the broker has exited")

    monkeypatch.setattr(parent.router, "route", refuse)
    with pytest.raises(errors.DisconnectedError, match="broker has exited"):
        parent.call()
    assert endpoint_of(parent.router).channels() == []
