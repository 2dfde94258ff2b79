# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The strategy's queue of finished tasks, with somebody to wake."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from typing import Any


class ResultQueue(deque[Any]):
    """StrategyBase._results, which ansible-core's results thread appends to while it holds StrategyBase._results_lock.

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
