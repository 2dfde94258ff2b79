# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give tests a fake controller, its hosts and Pools, and check that they leave no thread and no entry."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ansible_svc.service import Pool, Service
from ansible_svc.service.testing import FakeContext, FakeNetwork, FakeRouter

#: How long a test waits for what must happen. Only a test that fails ever waits this long.
PATIENCE_S = 20.0


class Stage:
    """Hold a controller (context 0) and hosts below it (contexts 1, 2, ...)."""

    def __init__(self, network: FakeNetwork) -> None:
        self.network = network
        self.clock = network.clock
        self.controller = network.router(0)
        self.pools: list[Pool] = []

    def host(self, context_id: int) -> FakeRouter:
        return self.network.router(context_id, parent_ids=[0])

    def up(self, host: FakeRouter) -> FakeContext:
        """Return the controller as seen from a host."""
        return host.context_by_id(0)

    def pool(self, *classes: type[Service], router: FakeRouter | None = None, **options: Any) -> Pool:
        router = self.controller if router is None else router
        pool = Pool(router, services=[cls(router) for cls in classes], **options)
        self.pools.append(pool)
        return pool


class Gate:
    """Let a test decide when a method goes on, and know how many are in it."""

    def __init__(self) -> None:
        self._condition = threading.Condition()
        self._open = False
        self.entered = 0

    def wait(self) -> None:
        with self._condition:
            self.entered += 1
            self._condition.notify_all()
            assert self._condition.wait_for(lambda: self._open, PATIENCE_S)

    def await_entered(self, count: int = 1) -> None:
        with self._condition:
            assert self._condition.wait_for(lambda: self.entered >= count, PATIENCE_S)

    def open(self) -> None:
        with self._condition:
            self._open = True
            self._condition.notify_all()


@pytest.fixture
def gate() -> Iterator[Gate]:
    gate = Gate()
    yield gate
    gate.open()


@pytest.fixture
def stage(gate: Gate) -> Iterator[Stage]:
    before = set(threading.enumerate())
    with FakeNetwork() as network:
        stage = Stage(network)
        yield stage
        gate.open()
        for pool in stage.pools:
            pool.stop()
            assert pool.join(PATIENCE_S), "a pool thread has not ended"
            assert pool.statistics().open_requests == 0
        for router in network.routers():
            for channel in router.channels():
                assert not channel.pending, "a call was left behind"
    assert not [thread for thread in threading.enumerate() if thread not in before]


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something that another thread does has happened, for as long as it takes that thread."""
    done = threading.Event()
    waited = 0.0
    while not condition():
        done.wait(0.002)
        waited += 0.002
        assert waited < PATIENCE_S, "it did not happen"


def settled(pool: Pool, running: int = 1) -> bool:
    """Return whether every request has found its place: so many methods run, and all others wait or are done."""
    return pool.statistics().queue_length == 0 and pool.statistics().busy_threads == running
