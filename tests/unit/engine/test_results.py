# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A result finds its way to the strategy, and wakes the main thread."""

from __future__ import annotations

import threading
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_svc.engine import results
from ansible_svc.engine.results import ResultQueue, ThreadResults
from ansible_svc.engine.running import Run, current_run, running
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


class Strategy:
    """Be what ThreadResults needs of a strategy."""

    def __init__(self) -> None:
        self._results_lock = threading.Condition()
        self._results = ResultQueue(self._results_lock)
        self._final_q = SimpleNamespace(send_prompt=lambda **asked: asked)
        self.told: list[tuple[str, Any, Run]] = []


@pytest.fixture
def strategy(monkeypatch: pytest.MonkeyPatch) -> Strategy:
    strategy = Strategy()

    def tell(to: Strategy, method: str, result: Any) -> None:
        to.told.append((method, result, current_run()))

    monkeypatch.setattr(results, "final_result", lambda *sent: ("final", *sent))
    monkeypatch.setattr(results, "callback_result", lambda _strategy, *sent: ("while it goes on", *sent))
    monkeypatch.setattr(results, "tell_callbacks", tell)
    return strategy


def test_a_thread_hands_its_result_to_the_strategy(strategy: Strategy) -> None:
    ThreadResults(strategy).send_task_result(1, 2)
    assert list(strategy._results) == [("final", 1, 2)]


def test_callbacks_are_told_at_once_and_may_use_any_lookup(strategy: Strategy) -> None:
    run = Run(may_leave=True)
    with running(run):
        ThreadResults(strategy).send_callback("v2_runner_retry", 1, 2)
        assert current_run() is run
    ((method, result, during),) = strategy.told
    assert (method, result, during.may_leave) == ("v2_runner_retry", ("while it goes on", 1, 2), False)
    assert not strategy._results


def test_a_result_that_cannot_be_copied_is_refused(strategy: Strategy, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_sent: Any) -> None:
        raise TypeError("cannot pickle")

    monkeypatch.setattr(results, "final_result", refuse)
    with pytest.raises(TypeError, match="cannot pickle"):
        ThreadResults(strategy).send_task_result(1)
    assert not strategy._results


def test_what_else_a_task_sends_goes_to_ansible_cores_queue(strategy: Strategy) -> None:
    assert ThreadResults(strategy).send_prompt(prompt="?") == {"prompt": "?"}
