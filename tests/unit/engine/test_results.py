# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A result wakes the main thread."""

from __future__ import annotations

import threading

import pytest

from ansible_svc.engine.results import ResultQueue
from tests.unit.engine.conftest import PATIENCE_S


def test_it_is_the_deque_that_ansible_core_knows() -> None:
    lock = threading.Condition()
    queue = ResultQueue(lock)
    with lock:
        for number in range(3):
            queue.append(number)
    assert len(queue) == 3
    assert [queue.popleft(), queue.popleft(), queue.popleft()] == [0, 1, 2]
    assert not queue


def test_a_result_wakes_who_waits() -> None:
    lock = threading.Condition()
    queue = ResultQueue(lock)
    got: list[str] = []
    waiting = threading.Event()

    def wait() -> None:
        with lock:
            waiting.set()
            assert lock.wait_for(lambda: queue, PATIENCE_S)
            got.append(queue.popleft())

    thread = threading.Thread(target=wait)
    thread.start()
    assert waiting.wait(PATIENCE_S)
    with lock:
        queue.append("result")
    thread.join(PATIENCE_S)
    assert got == ["result"]


def test_results_are_added_under_the_lock() -> None:
    queue = ResultQueue(threading.Condition())
    with pytest.raises(RuntimeError):
        queue.append("result")
