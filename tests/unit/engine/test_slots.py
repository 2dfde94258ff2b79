# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Slots are used in ansible-core's order."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.engine.slots import Slots


class Worker:
    """Be a worker that ends when the test says so."""

    def __init__(self) -> None:
        self.alive = True
        self.closed = 0

    def is_alive(self) -> bool:
        return self.alive

    def close(self) -> None:
        self.closed += 1


class Model:
    """Do what StrategyBase._queue_task does with its workers (2.19 to 2.21), when a slot is free."""

    def __init__(self, workers: list[Worker | None]) -> None:
        self._workers = workers
        self._cur_worker = 0

    def take(self, throttle: int) -> int:
        rewind_point = len(self._workers)
        if 0 < throttle <= rewind_point:
            rewind_point = throttle
        while True:
            if self._cur_worker >= rewind_point:
                self._cur_worker = 0
            taken = self._cur_worker
            worker = self._workers[taken]
            free = worker is None or not worker.is_alive()
            self._cur_worker += 1
            if self._cur_worker >= rewind_point:
                self._cur_worker = 0
            if free:
                return taken


@pytest.fixture
def descriptors() -> Iterator[None]:
    before = set(os.listdir("/proc/self/fd"))
    yield
    assert set(os.listdir("/proc/self/fd")) == before


@given(
    count=st.integers(min_value=1, max_value=8),
    steps=st.lists(
        st.tuples(st.integers(min_value=0, max_value=10), st.integers(min_value=0, max_value=255)), max_size=40
    ),
)
def test_the_order_is_ansible_cores(count: int, steps: list[tuple[int, int]]) -> None:
    """Each step queues a task with a throttle after some of the workers, by bits, have ended."""
    workers: list[Worker | None] = [None] * count
    model = Model(workers)
    slots = Slots(workers)
    try:
        for throttle, ended in steps:
            for index, worker in enumerate(workers):
                if worker is not None and ended >> index & 1:
                    worker.alive = False
            limit = throttle if 0 < throttle <= count else count
            if all(worker is not None and worker.is_alive() for worker in workers[:limit]):
                worker = workers[ended % limit]
                assert worker is not None
                worker.alive = False
            expected = model.take(throttle)
            assert slots.take(throttle) == expected
            workers[expected] = Worker()
    finally:
        slots.close()


@pytest.mark.usefixtures("descriptors")
def test_round_robin() -> None:
    slots = Slots([None] * 3)
    assert [slots.take(0) for _ in range(7)] == [0, 1, 2, 0, 1, 2, 0]
    slots.close()


@pytest.mark.usefixtures("descriptors")
@pytest.mark.parametrize(
    ("throttle", "order"),
    [(1, [0, 0, 0]), (2, [0, 1, 0]), (4, [0, 1, 2]), (5, [0, 1, 2]), (-1, [0, 1, 2])],
)
def test_throttle_narrows_the_table_when_it_is_smaller(throttle: int, order: list[int]) -> None:
    slots = Slots([None] * 4)
    assert [slots.take(throttle) for _ in range(3)] == order
    slots.close()


@pytest.mark.usefixtures("descriptors")
def test_a_worker_that_has_ended_is_closed_once() -> None:
    worker = Worker()
    worker.alive = False
    workers: list[Worker | None] = [worker, None]
    slots = Slots(workers)
    assert slots.take(0) == 0
    workers[0] = None
    assert [slots.take(0), slots.take(0)] == [1, 0]
    assert worker.closed == 1
    slots.close()


@pytest.mark.usefixtures("descriptors")
def test_a_wake_before_the_wait_is_not_lost() -> None:
    """The worker ends between the look at it and the wait: the wake is in the pipe already."""

    class EndsWhenLookedAt(Worker):
        looks = 0

        def is_alive(self) -> bool:
            self.looks += 1
            if self.looks == 1:
                slots.wake()
                return True
            return False

    slots = Slots([EndsWhenLookedAt()])
    assert slots.take(0) == 0
    slots.close()


@pytest.mark.usefixtures("descriptors")
def test_any_number_of_wakes_is_taken() -> None:
    slots = Slots([None])
    for _ in range(100_000):
        slots.wake()
    assert slots.take(0) == 0
    slots.close()


@pytest.mark.usefixtures("descriptors")
def test_a_wake_after_the_end_harms_nobody() -> None:
    """A task that was cancelled may end later than its strategy; its descriptors may be another file's by then."""
    slots = Slots([None])
    slots.close()
    ends = [os.pipe() for _ in range(2)]
    try:
        slots.wake()
        for reader, _writer in ends:
            os.set_blocking(reader, False)
            with pytest.raises(BlockingIOError):
                os.read(reader, 1)
    finally:
        for pair in ends:
            for descriptor in pair:
                os.close(descriptor)


@pytest.mark.usefixtures("descriptors")
def test_closing_twice_does_nothing_more() -> None:
    slots = Slots([None])
    slots.close()
    slots.close()
