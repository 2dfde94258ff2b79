# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What our free and host_pinned strategies add: between two rounds they wait until there is something to do.

ansible-core's free strategy goes round all hosts, pauses for a millisecond and goes round again. With a hundred hosts
that are at work a controller is busy with nothing else, and tasks on threads share its interpreter.
"""

from __future__ import annotations

import time
from types import SimpleNamespace
from typing import Any

from ansible.plugins.strategy.free import StrategyModule as Free

from ansible_svc.compat.other_names import with_names
from ansible_svc.engine.slots import MEANWHILE_S
from ansible_svc.engine.strategy import NativeStrategy


class NativeFreeStrategy(NativeStrategy):
    """Mixin over a subclass of ansible-core's free strategy.

    A round leaves every host that has a task waiting for a result, or for a worker to end where one is throttled or
    pinned; unless it has carried out a meta task or processed a result, after which hosts may go on at once.

    Parameters:
        tqm: the TaskQueueManager.

    Threads: the main thread; ``_svc_on_end`` is on a task's thread.
    Guarded by ``_results_lock``: how many tasks on threads have ended.
    """

    def __init__(self, tqm: Any) -> None:
        self._svc_went_on = False
        self._svc_ended = self._svc_ended_before = 0
        super().__init__(tqm)

    def _svc_play(self, iterator: Any, play_context: Any) -> Any:
        run = with_names(Free.run, time=SimpleNamespace(sleep=self._svc_pause))
        return run(self, iterator, play_context)

    def _execute_meta(self, *args: Any, **kwargs: Any) -> Any:
        """Carry out a meta task."""
        self._svc_went_on = True
        return super()._execute_meta(*args, **kwargs)

    def _process_pending_results(self, *args: Any, **kwargs: Any) -> list[Any]:
        """Process the results that are there."""
        results = super()._process_pending_results(*args, **kwargs)
        self._svc_went_on = self._svc_went_on or bool(results)
        return results

    def _svc_on_end(self) -> None:
        with self._results_lock:
            self._svc_ended += 1
        super()._svc_on_end()

    def _svc_pause(self, seconds: float) -> None:
        """Wait until another round may find something to do."""
        if not self._pending_results:
            time.sleep(seconds)
        elif not self._svc_went_on:
            with self._results_lock:
                if not self._results and self._svc_ended == self._svc_ended_before:
                    self._results_lock.wait(self._svc_patience_s())
        with self._results_lock:
            self._svc_ended_before = self._svc_ended
        self._svc_went_on = False

    def _svc_patience_s(self) -> float:
        """Return how long to wait at most: nobody tells of the end of a process either."""
        processes = any(hasattr(worker, "sentinel") and worker.is_alive() for worker in self._workers)
        return MEANWHILE_S if processes else super()._svc_patience_s()
