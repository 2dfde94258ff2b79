# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make of what a task on a thread sends what ansible-core's results thread makes of what a forked worker sends.

A forked worker's result is pickled, goes through a pipe, is unpickled, and meets a copy of the strategy's task there
(results_thread_main and StrategyBase._convert_wire_task_result_to_raw; _convert_wire_task_result_to_host_task_result in
2.21). A thread needs none of it but the isolation: the result must share nothing that can be changed with the variables
of the task that made it. The task itself is the thread's own copy already.
"""

from __future__ import annotations

import contextvars
import datetime
from multiprocessing.reduction import ForkingPickler
from typing import Any

from ansible._internal import _task
from ansible.module_utils._internal._datatag import _AnsibleTaggedDict, _AnsibleTaggedList

from ansible_svc.compat.copying import TAGGED_SCALARS, shallow_copy
from ansible_svc.compat.task_run import UNIFIED_RESULTS

if not UNIFIED_RESULTS:
    from ansible.executor.task_result import _RawTaskResult, _WireTaskResult

# What nobody can change, whoever else has it.
_UNCHANGEABLE = TAGGED_SCALARS | {
    str,
    int,
    float,
    bool,
    bytes,
    type(None),
    datetime.date,
    datetime.datetime,
    datetime.time,
}


def isolated(value: Any) -> Any:
    """Return a copy that shares nothing changeable with a value: what pickling and unpickling it would return.

    Raises what pickling raises, for what can not be pickled.
    """
    kind = type(value)
    if kind in _UNCHANGEABLE:
        return value
    if kind is dict:
        return {key: one if type(one) in _UNCHANGEABLE else isolated(one) for key, one in value.items()}
    if kind is list:
        return [one if type(one) in _UNCHANGEABLE else isolated(one) for one in value]
    if kind is _AnsibleTaggedDict:
        tagged = shallow_copy(value)
        for key, one in value.items():
            tagged[key] = isolated(one)
        return tagged
    if kind is _AnsibleTaggedList:
        tagged = shallow_copy(value)
        tagged[:] = [isolated(one) for one in value]
        return tagged
    return _pickled(value)


def final_result(*sent: Any) -> Any:
    """Return the strategy's form of a task's result.

    Parameters:
        sent: the arguments of FinalQueue.send_task_result. The task among them is the sender's, who is done with it.
    """
    if UNIFIED_RESULTS:
        host, task, result = sent
        _finish(task)
        return _task.HostTaskResult(host=host, task=task, utr=_pickled(result))
    (raw,) = sent
    _finish(raw.task)
    return _RawTaskResult(
        host=raw.host,
        task=raw.task,
        return_data=_isolated_or_pickled(raw._return_data),
        task_fields=_isolated_or_pickled(raw.task_fields),
    )


def callback_result(strategy: Any, *sent: Any) -> Any:
    """Return the form that callbacks are told of a result that a task sends while it goes on.

    Parameters:
        strategy: a StrategyBase.
        sent: the arguments of FinalQueue.send_callback after the method's name.
    """
    if UNIFIED_RESULTS:
        host, task, result = sent
        wire = _task.WireTaskResult.create(host=host, task=task, utr=result)
        return strategy._convert_wire_task_result_to_host_task_result(_pickled(wire))
    (raw,) = sent
    wire = _WireTaskResult(
        host_name=raw.host.name,
        task_uuid=raw.task._uuid,
        return_data=_isolated_or_pickled(raw._return_data),
        task_fields=_isolated_or_pickled(raw.task_fields),
    )
    return strategy._convert_wire_task_result_to_raw(wire)


def tell_callbacks(strategy: Any, method: str, result: Any) -> None:
    """Call a method of the callbacks as ansible-core's results thread does: knowing nothing of the task's context."""
    contextvars.Context().run(strategy._tqm.send_callback, method, result)


def _finish(task: Any) -> None:
    """Mark a task as one whose values are final (FieldAttributeBase.from_attrs)."""
    task._finalized = True
    task._squashed = True


def _isolated_or_pickled(value: Any) -> Any:
    try:
        return isolated(value)
    except RecursionError:
        return _pickled(value)  # it contains itself, or is as deep


def _pickled(value: Any) -> Any:
    return ForkingPickler.loads(ForkingPickler.dumps(value))
