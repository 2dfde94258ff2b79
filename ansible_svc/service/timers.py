# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call functions at given times, all from one thread."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

LOG = logging.getLogger("ansible_svc.service")

#: Below this many entries it is not worth to clean the heap of cancelled ones.
_COMPACT_ABOVE = 64
_LONGEST_WAIT_S = 3600.0


class Timer:
    """Stand for one scheduled call; `cancel` it with `Timers.cancel`."""

    __slots__ = ("func", "when")

    def __init__(self, when: float, func: Callable[[], object]) -> None:
        self.when = when
        #: None once it has been called or cancelled.
        self.func: Callable[[], object] | None = func


class Timers:
    """
    Watch any number of deadlines with one thread.

    Thousands of calls a second set a deadline and end long before it, so scheduling and cancelling are cheap:
    the thread is woken only for a new earliest time, and cancelled entries are cleaned up in bulk.

    Threads: any thread may call any method. Functions are called by the timer thread and must not block.
    Guarded by `_lock`: everything. `_changed` is a condition on it.

    :param name: Name of the thread.
    :param now: The clock; tests give their own and call `expire` themselves.
    :param threaded: False for tests: no thread is ever started.
    """

    def __init__(
        self, name: str = "ansible_svc.timers", now: Callable[[], float] = time.monotonic, threaded: bool = True
    ) -> None:
        self.now = now
        self._name = name
        self._threaded = threaded
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._order = itertools.count()
        self._heap: list[tuple[float, int, Timer]] = []
        self._cancelled = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def schedule(self, when: float, func: Callable[[], object]) -> Timer:
        """
        Have a function called at a time of the clock `now`. After `close` it is never called.

        :returns: The handle for `cancel`.
        """
        timer = Timer(when, func)
        with self._lock:
            if self._closed:
                return timer
            heapq.heappush(self._heap, (when, next(self._order), timer))
            if self._threaded:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
                    self._thread.start()
                elif self._heap[0][2] is timer:
                    self._changed.notify()
        return timer

    def cancel(self, timer: Timer) -> None:
        """Do not call the function. Ignored when it has been called, or is being called now."""
        with self._lock:
            if timer.func is None:
                return
            timer.func = None
            self._cancelled += 1
            if self._cancelled > _COMPACT_ABOVE and self._cancelled * 2 > len(self._heap):
                self._heap = [entry for entry in self._heap if entry[2].func is not None]
                heapq.heapify(self._heap)
                self._cancelled = 0

    def expire(self) -> float | None:
        """
        Call every function whose time has come.

        :returns: The time of the next one, or None when there is none.
        """
        while True:
            with self._lock:
                func, when = self._pop_due()
            if func is None:
                return when
            try:
                func()
            except Exception:
                LOG.exception("a timer function failed")

    def pending(self) -> int:
        """Return how many functions wait to be called."""
        with self._lock:
            return sum(1 for entry in self._heap if entry[2].func is not None)

    def close(self) -> None:
        """Forget all functions and let the thread end. Does not wait for it."""
        with self._lock:
            self._closed = True
            self._heap = []
            self._changed.notify_all()

    def join(self, timeout_s: float | None = None) -> None:
        """Wait until the thread has ended; call `close` before."""
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join(timeout_s)

    def _pop_due(self) -> tuple[Callable[[], object] | None, float | None]:
        while self._heap:
            when, _, timer = self._heap[0]
            if timer.func is None:
                heapq.heappop(self._heap)
                self._cancelled = max(0, self._cancelled - 1)
                continue
            if when > self.now():
                return None, when
            heapq.heappop(self._heap)
            func, timer.func = timer.func, None
            return func, when
        return None, None

    def _run(self) -> None:
        while True:
            self.expire()
            with self._lock:
                if self._closed:
                    return
                # Look again under the lock: something may have been scheduled since expire() looked.
                due, when = self._peek()
                if not due:
                    # A bound, because a far side may name a deadline that no lock can wait for.
                    self._changed.wait(_LONGEST_WAIT_S if when is None else min(when - self.now(), _LONGEST_WAIT_S))

    def _peek(self) -> tuple[bool, float | None]:
        if not self._heap:
            return False, None
        when = self._heap[0][0]
        return when <= self.now(), when
