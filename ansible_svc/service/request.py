# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold one request on the side that serves it: who asks, for what, until when, and the one reply."""

from __future__ import annotations

import logging
import threading
import time

from ansible_svc.service.outcome import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ansible_svc.service.outcome import Answer

LOG = logging.getLogger("ansible_svc.service")

_OPEN, _ANSWERED, _CANCELLED = range(3)


class Request:
    """
    Be asked once and be answered once.

    A request is *open* until the first of: it is finished with an outcome, it is cancelled (by its caller,
    by its deadline, by the loss of its caller, by the closing of the Pool). The first one wins; all later
    outcomes are dropped. This is where "exactly one reply" is kept.

    A method that was exposed with ``wants_request=True`` gets it as the keyword `request` and uses
    `caller_id`, `from_parent`, `deadline`, `cancelled` and `on_cancel`. Under a DeduplicatingInvoker it gets
    a request that stands for all who wait: `caller_id` is that of the first, there is no deadline, and it is
    cancelled when nobody waits any longer.

    Threads: any. Guarded by `_lock`: `_state`, `_callbacks`, `awaited`.

    :param caller_id: mitogen id of the context that asks.
    :param from_parent: Whether the request carries the authority of this process or of a parent.
    :param service: Canonical name or handle of the service; None until the request has been read.
    :param method: Name of the method; None until the request has been read.
    :param kwargs: Arguments by name, not checked.
    :param deadline: `time.monotonic()` value after which nobody waits any longer, or None.
    :param now: The clock that `deadline` is a value of.
    :param close: Called once, with this request and its outcome, by the thread that ends the request.
    """

    def __init__(
        self,
        caller_id: int,
        from_parent: bool,
        service: str | int | None = None,
        method: str | None = None,
        kwargs: dict[str, Any] | None = None,
        deadline: float | None = None,
        close: Callable[[Any, Answer | Failure], None] | None = None,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self.caller_id = caller_id
        self.from_parent = from_parent
        self.service = service
        self.method = method
        self.kwargs: dict[str, Any] = {} if kwargs is None else kwargs
        self.deadline = deadline
        #: Size of the request's message; 0 for a call inside this process.
        self.size_bytes = 0
        #: Set by the DeduplicatingInvoker when another request's run answers this one.
        self.deduplicated = False
        #: Set when the request was not let through to a method; for statistics.
        self.refused = False
        #: True for `Pool.invoke`: this process asks itself, no policy is consulted.
        self.local = False
        #: Whether somebody waits for the outcome. A request that nobody waits for survives its caller.
        self.awaited = True
        self._close = close
        self._now = now
        self._lock = threading.Lock()
        self._state = _OPEN
        self._callbacks: list[Callable[[], None]] = []

    @property
    def src_id(self) -> int:
        """Return `caller_id` under the name that mitogen's messages have for it."""
        return self.caller_id

    @property
    def done(self) -> bool:
        """Return whether the request has been answered or cancelled."""
        return self._state != _OPEN

    @property
    def cancelled(self) -> bool:
        """Return whether nobody waits for the result any longer."""
        return self._state == _CANCELLED

    def remaining_s(self) -> float | None:
        """Return the seconds left until the deadline (0.0 when it has passed), or None without one."""
        if self.deadline is None:
            return None
        return max(0.0, self.deadline - self._now())

    def on_cancel(self, callback: Callable[[], None]) -> None:
        """
        Have a function called when nobody waits for the result any longer.

        It is called at most once: now, when the request is cancelled already; never, when the request is
        answered first. It runs on the thread that notices (broker, timer or another thread) and must not
        block there.
        """
        with self._lock:
            if self._state == _OPEN:
                self._callbacks.append(callback)
                return
            if self._state == _ANSWERED:
                return
        callback()

    def read(self) -> None:
        """Decode what has come as a message, once."""

    def acknowledge(self) -> None:
        """Tell the caller that the request has been admitted and that no more will be said."""

    def finish(self, outcome: Answer | Failure) -> bool:
        """
        End the request with an outcome.

        :returns: False when it had ended before; the outcome is then dropped.
        """
        with self._lock:
            if self._state != _OPEN:
                return False
            self._state = _ANSWERED
            self._callbacks = []
        if self._close is not None:
            self._close(self, outcome)
        return True

    def cancel(self, error: BaseException) -> bool:
        """
        End the request because nobody waits for it any longer; run the `on_cancel` functions.

        :param error: What the caller is told, if it can be told.
        :returns: False when the request had ended before.
        """
        with self._lock:
            if self._state != _OPEN:
                return False
            self._state = _CANCELLED
            callbacks, self._callbacks = self._callbacks, []
        if self._close is not None:
            self._close(self, Failure(error))
        for callback in callbacks:
            try:
                callback()
            except Exception:
                LOG.exception("%s.%s: on_cancel failed", self.service, self.method)
        return True
