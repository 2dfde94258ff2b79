# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ansible-core's TaskExecutor for tasks on threads: ``timeout:`` without SIGALRM.

TaskExecutor runs an action under an alarm when its task has a timeout, and only a main thread can have alarms. Here the
action itself is wrapped: while it runs, the task's Run has a limit, and what waits for a managed host then waits no
longer than that. The far side is told, and kills the module with its whole process group.
"""

from __future__ import annotations

from typing import Any

from ansible._internal._errors._task_timeout import TaskTimeoutError
from ansible.executor.task_executor import TaskExecutor

from ansible_svc.engine.connections import NativeConnection
from ansible_svc.engine.probe import TEMPLATE
from ansible_svc.engine.running import current_run


class ThreadTaskExecutor(TaskExecutor):
    """Executes one task on the present thread."""

    def _execute(self, *args: Any, **kwargs: Any) -> Any:
        """Execute the task once, or once for an item of its loop.

        Raises BrokenOff when the run was broken off meanwhile: what came of it is not to be told, nor the next item
        begun.
        """
        run = current_run()
        run.mark(TEMPLATE)
        try:
            return super()._execute(*args, **kwargs)
        finally:
            run.may_leave = False
            run.end_if_cancelled()

    def _get_connection(self, cvars: Any, templar: Any, current_connection: Any) -> Any:
        """Return the connection plugin; ours is told the host's variables, one of which names interpreters."""
        connection = super()._get_connection(cvars, templar, current_connection)
        if isinstance(connection, NativeConnection):
            connection.svc_variables = cvars
        return connection

    def _get_action_handler_with_module_context(self, templar: Any) -> Any:
        """Return the action plugin, with its run() limited when the task has a timeout.

        TaskExecutor asks for the plugin right before each attempt and reads the task's timeout right after; it is
        hidden from it until the attempt has begun. A timeout that TaskExecutor would reject stays for it to reject.
        """
        handler, context = super()._get_action_handler_with_module_context(templar)
        timeout = self._task.timeout
        if isinstance(timeout, int) and 0 < timeout <= TaskTimeoutError._MAX_TIMEOUT:
            self._task.timeout = 0
            handler.run = self._limited(handler.run, timeout)
        return handler, context

    def _limited(self, run: Any, timeout_s: int) -> Any:
        def limited_run(*args: Any, **kwargs: Any) -> Any:
            self._task.timeout = timeout_s
            with current_run().limit(timeout_s, lambda: TaskTimeoutError(timeout_s)):
                return run(*args, **kwargs)

        return limited_run
