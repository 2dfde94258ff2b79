# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ways of a result: the strategy's queue of finished tasks, and how a task on a thread comes to it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any

from ansible_svc.compat.results import callback_result, final_result, tell_callbacks
from ansible_svc.engine.running import Run, running


class ResultQueue(deque[Any]):
    """StrategyBase._results, which is appended to by who holds StrategyBase._results_lock.

    Parameters:
        condition: that lock, which is a Condition; it is notified with every result.
        on_result: called with every result before that.
    """

    def __init__(self, condition: threading.Condition, on_result: Callable[[Any], None] | None = None) -> None:
        super().__init__()
        self._condition = condition
        self._on_result = on_result

    def append(self, result: Any) -> None:
        """Add a result and wake the main thread. The caller holds the condition's lock."""
        if self._on_result is not None:
            self._on_result(result)
        super().append(result)
        self._condition.notify_all()


class ThreadResults:
    """Stands for FinalQueue to a task on a thread.

    Results need no pipe and no second thread to reach the strategy. A task tells callbacks of its items on its own
    thread, before its result is there; send_callback's lock keeps callbacks one at a time, as ever.

    Parameters:
        strategy: a StrategyBase whose ``_results`` is a ResultQueue.

    Threads: any task's.
    """

    def __init__(self, strategy: Any) -> None:
        self._strategy = strategy
        self._queue = strategy._final_q

    def send_task_result(self, *sent: Any) -> None:
        """Hand a result to the strategy; see FinalQueue.send_task_result. Raises what pickling it raises."""
        result = final_result(*sent)
        with self._strategy._results_lock:
            self._strategy._results.append(result)

    def send_callback(self, method_name: str, *sent: Any) -> None:
        """Have callbacks told of an item or an attempt; see FinalQueue.send_callback."""
        result = callback_result(self._strategy, *sent)
        with running(Run()):
            tell_callbacks(self._strategy, method_name, result)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._queue, name)
