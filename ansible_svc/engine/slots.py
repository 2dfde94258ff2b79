# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may start when: ansible-core's worker slots, waited for instead of polled."""

from __future__ import annotations

import multiprocessing.connection
import os
import threading
from collections.abc import Callable
from typing import Any

#: How often the main thread looks, while it waits, whether a task asks something of it (ansible-core 2.21).
MEANWHILE_S = 0.02


class Slots:
    """The table of workers (TaskQueueManager._workers) and the order in which its slots are used.

    A slot is free when it holds nothing or a worker that has ended. ``throttle`` narrows the table for one task. The
    order is StrategyBase._queue_task's: round robin from the slot after the last one used.

    Parameters:
        workers: the list that TaskQueueManager owns; its length is the number of forks for this batch.

    Threads: the main thread waits and closes; ``wake`` is called by task threads.
    Guarded by ``_lock``: whether the pipe is closed.
    """

    def __init__(self, workers: list[Any]) -> None:
        self._workers = workers
        self._next = 0
        self._lock = threading.Lock()
        self._closed = False
        self._wake_read, self._wake_write = os.pipe()
        os.set_blocking(self._wake_read, False)
        os.set_blocking(self._wake_write, False)

    def take(self, throttle: int, meanwhile: Callable[[], None] | None = None) -> int:
        """Return the index of a free slot, waiting until there is one.

        Parameters:
            throttle: use only the first so many slots; 0 for all.
            meanwhile: called again and again while waiting, for what running tasks may ask of the main thread.
        """
        limit = len(self._workers)
        if 0 < throttle <= limit:
            limit = throttle
        while True:
            for offset in range(limit):
                index = (self._next + offset) % limit if self._next < limit else offset
                worker = self._workers[index]
                if worker is None or not worker.is_alive():
                    if worker is not None:
                        worker.close()
                    self._next = index + 1 if index + 1 < limit else 0
                    return index
            if meanwhile is not None:
                meanwhile()
            self._wait(limit, None if meanwhile is None else MEANWHILE_S)

    def wake(self) -> None:
        """Tell the main thread that a task on a thread has ended; nothing happens after close()."""
        with self._lock:
            if self._closed:
                return
            try:
                os.write(self._wake_write, b"x")
            except BlockingIOError:
                return  # it has plenty of reasons to wake up already

    def close(self) -> None:
        """Close the pipe; nobody waits any more."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
        os.close(self._wake_read)
        os.close(self._wake_write)

    def _wait(self, limit: int, timeout_s: float | None) -> None:
        sentinels = [worker.sentinel for worker in self._workers[:limit] if hasattr(worker, "sentinel")]
        ready = multiprocessing.connection.wait([self._wake_read, *sentinels], timeout_s)
        if self._wake_read in ready:
            os.read(self._wake_read, 4096)
