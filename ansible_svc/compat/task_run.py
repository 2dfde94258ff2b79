# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run one task the way ansible-core's WorkerProcess does, without being one.

Uses TaskExecutor, TaskContext, FinalQueue.send_task_result and the result classes. ansible-core 2.21 moved a task's
variables into its TaskContext and results into UnifiedTaskResult; up to 2.20 both are arguments and dicts.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible._internal import _task
from ansible._internal._errors import _error_utils
from ansible.errors import AnsibleError
from ansible.executor.task_executor import TaskExecutor
from ansible.inventory.host import Host
from ansible.playbook.task import Task

from ansible_svc.compat.fields import quick_play_context
from ansible_svc.compat.task_models import private_copy

UNIFIED_RESULTS = hasattr(_task, "UnifiedTaskResult")

if not UNIFIED_RESULTS:
    from ansible.executor.task_result import _RawTaskResult

_SEND_FAILED = "Task result omitted due to queue send failure."


class TaskSpec(NamedTuple):
    """Everything that a task's run needs; the names are WorkerProcess's.

    ``task`` is the strategy's object and stays as it is: the run gets a copy.
    """

    host: Any
    task: Any
    task_vars: dict[str, Any]
    play_context: Any
    loader: Any
    variable_manager: Any
    final_q: Any


def run_task(spec: TaskSpec, loaders: Any, executor_class: type[TaskExecutor] = TaskExecutor) -> None:
    """Execute a task on this thread and send its result to the strategy's queue.

    Parameters:
        spec: the task.
        loaders: plugin loaders for the executor.
        executor_class: TaskExecutor or a subclass.
    """
    task = private_copy(spec.task)
    task_vars = dict(spec.task_vars)
    if UNIFIED_RESULTS:
        _run_unified(spec, task, task_vars, loaders, executor_class)
    else:
        _run_dict(spec, task, task_vars, loaders, executor_class)


def _run_dict(spec: TaskSpec, task: Any, task_vars: dict[str, Any], loaders: Any, executor_class: Any) -> None:
    with _task.TaskContext(task):
        executor = executor_class(
            spec.host,
            task,
            task_vars,
            quick_play_context(spec.play_context),
            spec.loader,
            loaders,
            spec.final_q,
            spec.variable_manager,
        )
        data = executor.run()
        try:
            spec.final_q.send_task_result(
                _RawTaskResult(host=spec.host, task=task, return_data=data, task_fields=task.dump_attrs())
            )
        except Exception as error:
            try:
                raise AnsibleError(_SEND_FAILED) from error
            except AnsibleError as wrapped:
                failure = _error_utils.result_dict_from_exception(wrapped)
            spec.final_q.send_task_result(
                _RawTaskResult(host=spec.host, task=task, return_data=failure, task_fields={})
            )


def _run_unified(spec: TaskSpec, task: Any, task_vars: dict[str, Any], loaders: Any, executor_class: Any) -> None:
    with _task.TaskContext.create(task=task, task_vars=task_vars, host_name=spec.host.name):
        task.squash()
        executor = executor_class(
            spec.host, quick_play_context(spec.play_context), spec.loader, loaders, spec.final_q, spec.variable_manager
        )
        result = executor.run()
        result.finalize_registered_values()
        task.ignore_errors = result.ignore_errors
        task.ignore_unreachable = result.ignore_unreachable
        try:
            spec.final_q.send_task_result(spec.host, task, result)
        except Exception as error:
            try:
                raise AnsibleError(_SEND_FAILED) from error
            except AnsibleError as wrapped:
                failure = _task.UnifiedTaskResult.create_from_action_exception(wrapped)
            failure.finalize_registered_values()
            bare = Task()
            bare._uuid = task._uuid
            spec.final_q.send_task_result(Host(name=spec.host.name), bare, failure)
