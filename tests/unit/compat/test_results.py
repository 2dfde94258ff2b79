# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A result that a thread hands over is the one that would have come through ansible-core's queue."""

from __future__ import annotations

import contextvars
import copy
import datetime
from multiprocessing.reduction import ForkingPickler
from types import SimpleNamespace
from typing import Any

import pytest
from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible.inventory.host import Host
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.playbook.task import Task
from hypothesis import given, settings
from hypothesis import strategies as st

from ansible_svc.compat.results import UNIFIED_RESULTS, callback_result, final_result, isolated, tell_callbacks
from ansible_svc.compat.task_models import private_copy
from tests.unit.compat.test_variables import same

if UNIFIED_RESULTS:
    from ansible._internal._task import UnifiedTaskResult
else:
    from ansible.executor.task_result import _RawTaskResult

ORIGIN = Origin(path="/here", line_num=1)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.floats(allow_nan=False)
    | st.text(max_size=3)
    | st.binary(max_size=3)
    | st.just(datetime.date(2026, 1, 2))
    | st.just(datetime.datetime(2026, 1, 2, 3))
)


def tagged(value: Any) -> Any:
    return AnsibleTagHelper.tag(value, [ORIGIN, TrustedAsTemplate()])


VALUES = st.recursive(
    SCALARS | st.text(max_size=3).map(tagged) | st.integers(0, 3).map(tagged),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3)
        | st.dictionaries(st.text(max_size=2), inner, max_size=3).map(tagged)
        | st.lists(inner, max_size=3).map(tagged)
        | st.tuples(inner, inner)
        | st.sets(st.integers(0, 3))
    ),
    max_leaves=12,
)


def changeable(value: Any) -> list[Any]:
    """Return everything in a value that can be changed."""
    if isinstance(value, dict):
        return [value, *(inner for one in value.values() for inner in changeable(one))]
    if isinstance(value, list | tuple):
        return [value] * isinstance(value, list) + [inner for one in value for inner in changeable(one)]
    return [value] if isinstance(value, set) else []


@settings(max_examples=150, deadline=None)
@given(VALUES)
def test_a_copy_is_what_pickling_makes_and_shares_nothing_changeable(value: Any) -> None:
    made = isolated(value)
    assert same(made, ForkingPickler.loads(ForkingPickler.dumps(value)))
    assert same(made, value)
    assert {id(one) for one in changeable(made)}.isdisjoint(id(one) for one in changeable(value))


def test_what_cannot_be_pickled_cannot_be_copied() -> None:
    with pytest.raises((AttributeError, TypeError)):
        isolated({"a": [lambda: None]})


def loaded() -> Any:
    return Task.load({"command": "true", "name": "task", "register": "r", "vars": {"a": [1]}, "loop_control": {}})


def sent(task: Any, data: dict[str, Any]) -> tuple[Any, ...]:
    """Return what WorkerProcess sends."""
    host = Host("h")
    if UNIFIED_RESULTS:
        task.squash()
        return host, task, UnifiedTaskResult.from_action_result_dict(data)
    return (_RawTaskResult(host=host, task=task, return_data=data, task_fields=task.dump_attrs()),)


def parts(result: Any) -> tuple[Any, Any, dict[str, Any]]:
    data = result.utr.as_result_dict() if UNIFIED_RESULTS else result._return_data
    return result.host, result.task, data


class Strategy:
    """Be what ansible-core's results thread needs of a strategy."""

    def __init__(self, task: Any) -> None:
        from ansible.plugins.strategy import StrategyBase

        self._queued_task_cache = {("h", task._uuid): {"task": task}}
        self._inventory = SimpleNamespace(get_host=Host)
        self.told: list[tuple[str, Any]] = []
        self._tqm = SimpleNamespace(send_callback=lambda *told: self.told.append((*told, VARIABLE.get("unset"))))
        for name in ("_convert_wire_task_result_to_raw", "_convert_wire_task_result_to_host_task_result"):
            if method := getattr(StrategyBase, name, None):
                setattr(self, name, method.__get__(self))


VARIABLE: contextvars.ContextVar[str] = contextvars.ContextVar("VARIABLE")


def test_a_final_result_has_the_runs_own_task_and_data_that_nobody_shares() -> None:
    original = loaded()
    task = private_copy(original)
    task.name = "templated"
    data = {"changed": True, "stdout_lines": ["a"], "ansible_facts": {"f": {"g": 1}}}
    before = copy.deepcopy(data)
    host, told, got = parts(final_result(*sent(task, data)))
    assert (host.name, told, told.name, told._uuid, original.name) == ("h", task, "templated", original._uuid, "task")
    assert told.finalized
    data["stdout_lines"].append("b")
    data["ansible_facts"]["f"]["g"] = 2
    assert {name: got[name] for name in before} == before


def test_it_is_what_the_results_thread_makes_of_it() -> None:
    original = loaded()
    data = {"changed": True, "stdout": tagged("x"), "list": [1]}
    ours = final_result(*sent(private_copy(original), data))
    stock = callback_result(Strategy(original), *sent(private_copy(original), data))
    assert same(parts(ours)[2], parts(stock)[2])
    mine, theirs = (
        {name: getattr(result.task, name) for name in Task.fattributes if name != "loop_control"}
        for result in (ours, stock)
    )
    assert mine == theirs
    assert parts(ours)[0].name == parts(stock)[0].name
    for result in (ours, stock):
        assert (result.task._parent, result.task._role, result.task._finalized) == (None, None, True)
    if not UNIFIED_RESULTS:
        assert same(dict(ours.task_fields), dict(stock.task_fields))


def test_callbacks_get_a_copy_of_the_task_while_it_goes_on() -> None:
    original = loaded()
    task = private_copy(original)
    strategy = Strategy(original)
    result = callback_result(strategy, *sent(task, {"changed": False}))
    assert result.task is not task
    assert result.task._uuid == task._uuid
    VARIABLE.set("of the task")
    tell_callbacks(strategy, "v2_runner_retry", result)
    assert strategy.told == [("v2_runner_retry", result, "unset")]


def test_data_that_contains_itself_is_copied_too() -> None:
    if UNIFIED_RESULTS:
        pytest.skip("results are no dictionaries any more")
    data: dict[str, Any] = {"changed": True}
    data["self"] = [data]
    got = parts(final_result(*sent(private_copy(loaded()), data)))[2]
    assert got["self"][0] is got
    assert got is not data
