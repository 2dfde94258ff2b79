# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Twenty contexts ask a controller for the same thing at the same time."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ansible_svc import errors
from ansible_svc.service import (
    AllowAny,
    DeduplicatingService,
    Pool,
    Service,
    call,
    call_async,
    configure_children,
    expose,
)
from tests.integration.service.conftest import Controller, eventually
from tests.integration.service.remote import PATIENCE_S, Remote

CONTEXTS = 20
REQUESTS = 200


class Builder(DeduplicatingService):
    """Build one thing for everybody."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.runs = 0
        self.release = threading.Event()

    @expose(policy=AllowAny())
    def build(self, what: str) -> bytes:
        self.runs += 1
        assert self.release.wait(PATIENCE_S)
        return what.encode() * 1000

    @expose(policy=AllowAny())
    def fail(self) -> None:
        self.runs += 1
        assert self.release.wait(PATIENCE_S)
        raise ValueError("cannot be built")


class Bounded(Service):
    """Hold whoever calls."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.release = threading.Event()

    @expose(policy=AllowAny())
    def hold(self) -> None:
        assert self.release.wait(PATIENCE_S)


@pytest.fixture
def contexts(controller: Controller) -> list[Any]:
    """Return twenty local children whose Pools are up, wide enough to have ten calls upwards under way each."""
    configure_children(controller.router, pool_size=12)
    contexts = [controller.local() for _ in range(CONTEXTS)]
    for item in [call_async(context, Remote, "echo", value=1) for context in contexts]:
        assert item.result(PATIENCE_S) == 1
    return contexts


def ask_all(contexts: list[Any], service: type[Service], method: str, **kwargs: Any) -> list[Any]:
    return [
        call_async(
            contexts[number % CONTEXTS],
            Remote,
            "ask",
            context_id=0,
            service=service.name(),
            method=method,
            kwargs=kwargs,
        )
        for number in range(REQUESTS)
    ]


def all_wait(pool: Pool) -> bool:
    """Return whether all requests have come, one of them runs, and all others wait for it."""
    statistics = pool.statistics()
    return (statistics.open_requests, statistics.queue_length, statistics.busy_threads) == (REQUESTS, 0, 1)


def test_200_equal_requests_run_once_and_use_one_thread(controller: Controller, contexts: list[Any]) -> None:
    pool = controller.pool(Builder, size=4)
    builder = pool.service(Builder)
    calls = ask_all(contexts, Builder, "build", what="x")
    eventually(lambda: all_wait(pool))
    assert pool.statistics().busy_threads == 1
    # One that dies while it waits disturbs nobody.
    with pytest.raises(errors.DisconnectedError):
        call(contexts[0], Remote, "die")
    eventually(lambda: pool.statistics().open_requests == REQUESTS - REQUESTS // CONTEXTS)
    builder.release.set()
    for number, item in enumerate(calls):
        if number % CONTEXTS:
            assert item.result(PATIENCE_S) == b"x" * 1000
        else:
            with pytest.raises(errors.DisconnectedError):
                item.result(PATIENCE_S)
    assert builder.runs == 1
    counts = pool.statistics().services[Builder.name()]["build"]
    assert (counts.calls, counts.runs) == (REQUESTS, 1)


def test_a_failure_reaches_all_and_is_not_kept(controller: Controller, contexts: list[Any]) -> None:
    pool = controller.pool(Builder, size=4)
    calls = ask_all(contexts, Builder, "fail")
    eventually(lambda: all_wait(pool))
    pool.service(Builder).release.set()
    for item in calls:
        with pytest.raises(ValueError, match="cannot be built"):
            item.result(PATIENCE_S)
    assert pool.service(Builder).runs == 1
    with pytest.raises(ValueError, match="cannot be built"):
        call(contexts[0], Remote, "ask", context_id=0, service=Builder.name(), method="fail", kwargs={})
    assert pool.service(Builder).runs == 2


def test_a_full_queue_refuses_and_recovers(controller: Controller, contexts: list[Any]) -> None:
    pool = controller.pool(Bounded, size=2, queue_limit=18)
    calls = ask_all(contexts, Bounded, "hold")
    eventually(lambda: pool.statistics().total.refused == REQUESTS - 20)
    pool.service(Bounded).release.set()
    outcomes = {True: 0, False: 0}
    for item in calls:
        try:
            outcomes[item.result(PATIENCE_S) is None] += 1
        except errors.QueueFullError:
            outcomes[False] += 1
    assert outcomes == {True: 20, False: REQUESTS - 20}
    assert pool.statistics().open_requests == 0
