# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Threads that run tasks, and what stands for them in ansible-core's table of workers."""

from __future__ import annotations

import contextvars
import queue
import threading
import traceback
from collections.abc import Callable
from typing import Any

from ansible_svc.engine.file_context import FileContext
from ansible_svc.engine.probe import TEMPLATE, Span
from ansible_svc.engine.running import BrokenOff, Run, running
from ansible_svc.services.links import Uses

Job = Callable[[], None]


class TaskThreads:
    """Daemon threads that run jobs; there are as many as were ever needed at once.

    Threads: any thread may start a job.
    Guarded by ``_lock``: how many threads there are and how many of them are free.
    """

    def __init__(self) -> None:
        self._jobs: queue.SimpleQueue[tuple[Job, Job] | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        self._count = 0
        self._free = 0

    def start(self, job: Job, on_end: Job) -> None:
        """Have a thread run a job; a new thread when none is free.

        Parameters:
            job: must not raise.
            on_end: called after the job, when the thread is free again: who starts the next job because of it gets this
                thread and no new one.
        """
        with self._lock:
            if self._free:
                self._free -= 1
                new = 0
            else:
                self._count += 1
                new = self._count
        self._jobs.put((job, on_end))
        if new:
            threading.Thread(target=self._work, name=f"svc-task-{new}", daemon=True).start()

    @property
    def count(self) -> int:
        """How many threads there are."""
        return self._count

    @property
    def busy(self) -> bool:
        """Tell whether a job is waiting or running."""
        with self._lock:
            return self._free < self._count

    def close(self) -> None:
        """Let the threads end when they have nothing left to do."""
        with self._lock:
            count, self._count = self._count, 0
        for _ in range(count):
            self._jobs.put(None)

    def _work(self) -> None:
        files = FileContext()
        while True:
            jobs = self._jobs.get()
            if jobs is None:
                return
            job, on_end = jobs
            try:
                with files.restored():
                    job()
                with self._lock:
                    self._free += 1
            finally:
                on_end()


class ThreadWorker:
    """Stands in ansible-core's table of workers for a task that runs on a thread.

    It has what TaskQueueManager and StrategyBase ask of a WorkerProcess.

    Parameters:
        task: the strategy's task; the free strategy counts the workers of a throttled one by its uuid.
        run_task: runs the task and sends its result.
        on_end: called when the task is over, after its result was sent.
        context: the context variables that the task starts with.
        span: for the probe, when there is one.

    Attributes:
        exitcode: None, or 1 when the task ended without a result; ``failure`` then has the traceback.
        worker_queue: answers to prompts, for the moment between the start of a worker in which the task starts anew and
            its taking this one's place.

    Threads: made and asked by the main thread; ``_run`` is on the task's thread.
    """

    pid = None

    def __init__(
        self,
        task: Any,
        run_task: Job,
        on_end: Callable[[], None],
        context: contextvars.Context,
        span: Span | None = None,
    ) -> None:
        self._task = task
        self._run_task = run_task
        self._on_end = on_end
        self._context = context
        self._uses = Uses()
        self._state = Run(span, may_leave=True, uses=self._uses)
        self._alive = False
        self.worker_queue: Any = None
        self.exitcode: int | None = None
        self.failure = ""

    def start(self, threads: TaskThreads) -> None:
        """Start the task."""
        self._alive = True
        threads.start(self._run, self._end)

    def is_alive(self) -> bool:
        """Tell whether the task still runs."""
        return self._alive

    def close(self) -> None:
        """Free what a process would hold: nothing."""

    def terminate(self) -> None:
        """Cancel what the task waits for; from now on nobody waits for the task."""
        self._alive = False
        self._state.cancel()

    def _run(self) -> None:
        try:
            with running(self._state):
                self._state.mark(TEMPLATE)
                self._context.run(self._run_task)
        except BrokenOff:
            pass  # as a process that was terminated: without a result
        except BaseException:
            self.failure = traceback.format_exc()
            self.exitcode = 1
        finally:
            self._uses.end()

    def _end(self) -> None:
        self._alive = False
        self._on_end()
