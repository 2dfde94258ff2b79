# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A stock WorkerProcess whose task runs with loaders of ours.

Uses WorkerProcess (2.19 to 2.21) with the attributes it stores and its ``_run``; detaching, signals, the queue of
Display and prompts stay WorkerProcess's. Uses the setting WORKER_SESSION_ISOLATION (2.21), which its ``_detach`` reads.
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.errors import AnsibleError
from ansible.executor.process import worker as stock
from ansible.plugins import loader as plugin_loader

from ansible_svc.compat.fork_safety import held_for_fork
from ansible_svc.compat.task_run import TaskSpec, run_task

_ISOLATION = "WORKER_SESSION_ISOLATION"


def keeps_terminal(task_vars: dict[str, Any]) -> bool:
    """Tell whether a task's worker, and what that starts, is to have the terminal of this process as its own.

    A value that ansible-core refuses is taken for a yes: its worker is to say so.
    """
    names, configured = _isolation()
    if names.isdisjoint(task_vars):
        return not configured
    try:
        return not C.config.get_config_value(_ISOLATION, variables=task_vars)
    except AnsibleError:
        return True


@functools.cache
def _isolation() -> tuple[frozenset[str], bool]:
    """Return the variables that a task sets isolation with, and whether tasks are isolated that do not."""
    definition = C.config.get_configuration_definition(_ISOLATION)
    if definition is None:
        return frozenset(), True
    return frozenset(entry["name"] for entry in definition["vars"]), bool(C.config.get_config_value(_ISOLATION))


def stock_worker(spec: TaskSpec, worker_id: int) -> Any:
    """Return a WorkerProcess that runs its task as ansible-core does."""
    return _StockWorker(**_arguments(spec, worker_id))


def forked_worker(spec: TaskSpec, worker_id: int, loaders_in_child: Callable[[], Any]) -> Any:
    """Return a WorkerProcess that runs its task with other loaders.

    Parameters:
        spec: the task.
        worker_id: index of its slot.
        loaders_in_child: called in the child; returns the loaders.
    """
    return _ForkedWorker(spec, loaders_in_child, **_arguments(spec, worker_id))


def _arguments(spec: TaskSpec, worker_id: int) -> dict[str, Any]:
    return {
        "final_q": spec.final_q,
        "task_vars": spec.task_vars,
        "host": spec.host,
        "task": spec.task,
        "play_context": spec.play_context,
        # WorkerProcess gives its loader a new set of temporary files, and threads use the loader meanwhile
        "loader": copy.copy(spec.loader),
        "variable_manager": spec.variable_manager,
        "shared_loader_obj": plugin_loader.get_plugin_loader_namespace(),
        "worker_id": worker_id,
        "cliargs": context.CLIARGS,
    }


class _StockWorker(stock.WorkerProcess):
    def start(self) -> None:
        """Fork; the locks that are needed first are those that others hold while they want Display's."""
        with held_for_fork():
            super().start()


class _ForkedWorker(_StockWorker):
    def __init__(self, spec: TaskSpec, loaders_in_child: Callable[[], Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._spec = spec
        self._loaders_in_child = loaders_in_child

    def _run(self) -> None:
        stock.current_worker = self
        run_task(self._spec._replace(loader=self._loader), self._loaders_in_child())
