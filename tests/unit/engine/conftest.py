# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give tests calls and a run of their own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

from ansible_svc.errors import CancelledError, DeadlineExceededError

PATIENCE_S = 20.0
"""How long a test waits for what must happen. Only a test that fails ever waits this long."""


class FakeCall:
    """Be a call that is answered when the test says so."""

    def __init__(self) -> None:
        self._done = threading.Event()
        self._outcome: Callable[[], Any] | None = None
        self.cancelled = 0
        self.waits: list[float | None] = []

    def answer(self, value: Any) -> None:
        self._settle(lambda: value)

    def fail(self, error: BaseException) -> None:
        def raise_it() -> None:
            raise error

        self._settle(raise_it)

    def cancel(self) -> bool:
        self.cancelled += 1
        if self._done.is_set():
            return False
        self.fail(CancelledError("the call was cancelled"))
        return True

    def result(self, timeout_s: float | None = None) -> Any:
        """Return what was answered; a test that gives a timeout is told that it has passed."""
        self.waits.append(timeout_s)
        if timeout_s is not None and not self._done.is_set():
            raise DeadlineExceededError("no result")
        assert self._done.wait(PATIENCE_S)
        assert self._outcome is not None
        return self._outcome()

    def _settle(self, outcome: Callable[[], Any]) -> None:
        self._outcome = outcome
        self._done.set()
