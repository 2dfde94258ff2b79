# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run jobs on a fixed number of threads. Knows nothing of services."""

from __future__ import annotations

import logging
import threading
import time
from queue import SimpleQueue

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

LOG = logging.getLogger("ansible_svc.service")


class Workers:
    """
    Take jobs from one queue.

    The queue itself has no bound; the Pool bounds what leads to jobs.

    Threads: any thread may call any method. Guarded by `_lock`: `_jobs`, `busy` and the high-water marks.

    :param size: Number of threads. They are started at once and are daemons: a process need not wait for
        a method that does not end.
    """

    def __init__(self, size: int) -> None:
        self._queue: SimpleQueue[tuple[Callable[..., object], tuple[Any, ...]] | None] = SimpleQueue()
        self._lock = threading.Lock()
        #: Jobs that wait or run.
        self._jobs = 0
        #: How many threads run a job now.
        self.busy = 0
        #: The most threads that ever ran a job at the same time.
        self.busy_high_water = 0
        #: The most jobs that ever waited.
        self.queue_high_water = 0
        self._threads = [
            threading.Thread(target=self._work, name="ansible_svc.pool.%d" % (index,), daemon=True)
            for index in range(size)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def queue_length(self) -> int:
        """Return how many jobs have not begun yet."""
        with self._lock:
            return self._jobs - self.busy

    def submit(self, func: Callable[..., object], *args: Any) -> None:
        """Have a function called on one of the threads. Never blocks."""
        with self._lock:
            self._jobs += 1
            self.queue_high_water = max(self.queue_high_water, self._jobs - self.busy)
        self._queue.put((func, args))

    def stop(self) -> None:
        """Let each thread end after the jobs that wait now. Never blocks."""
        for _ in self._threads:
            self._queue.put(None)

    def join(self, timeout_s: float | None = None) -> bool:
        """
        Wait until the threads have ended; the calling one, if it is of them, does not wait for itself.

        :returns: Whether they have.
        """
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        me = threading.current_thread()
        others = [thread for thread in self._threads if thread is not me]
        for thread in others:
            thread.join(None if give_up is None else max(0.0, give_up - time.monotonic()))
        return not any(thread.is_alive() for thread in others)

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            if job is None:
                return
            func, args = job
            with self._lock:
                self.busy += 1
                self.busy_high_water = max(self.busy_high_water, self.busy)
            try:
                func(*args)
            except BaseException:
                # A thread outlives whatever its jobs do, SystemExit included.
                LOG.exception("a job of the Pool failed")
            finally:
                with self._lock:
                    self._jobs -= 1
                    self.busy -= 1
            # Do not hold on to the last request while waiting for the next one.
            del job, func, args
