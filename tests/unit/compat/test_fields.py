# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fields of tasks and play contexts are what ansible-core's own code makes of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.module_utils.common.sentinel import Sentinel
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.block import Block
from ansible.playbook.loop_control import LoopControl
from ansible.playbook.play import Play
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task
from ansible.template import trust_as_template
from ansible.vars.manager import VariableManager
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from ansible_svc.compat import fields, task_models
from ansible_svc.compat.fields import quick_play_context
from ansible_svc.compat.task_models import private_copy
from tests.unit.ansible_setup import set_up

_VARIABLES = {"word": "w", "number": 7, "truth": True, "words": ["x", "y"], "table": {"k": "v"}, "ansible_host": "h"}
_TEXT = st.sampled_from(
    ["plain", "", "{{ word }}", "a {{ number }} b", "{{ undefined }}", "{ brace", "{{ omit }}", "#x"]
)
_TRUTH = st.booleans() | st.sampled_from(["yes", "no", "{{ truth }}", "{{ omit }}", "maybe"])
_NUMBER = st.sampled_from([0, 1, 30, True, "4", "{{ number }}", 2.5, "no number"])
_CONDITION = st.sampled_from(["truth", "word == 'w'", True, ["truth", "number > 3"], "{{ truth }}"])
_WORDS = st.lists(st.sampled_from(["one", "two", "{{ word }}"]), max_size=3)
_EVERYWHERE: dict[str, st.SearchStrategy[Any]] = {
    "name": _TEXT,
    "become": _TRUTH,
    "become_user": _TEXT,
    "become_method": st.sampled_from(["sudo", "{{ word }}"]),
    "become_flags": _TEXT,
    "become_exe": _TEXT,
    "remote_user": _TEXT,
    "port": _NUMBER,
    "connection": st.sampled_from(["ssh", "local", "smart", "persistent", "{{ word }}"]),
    "environment": st.sampled_from([{"A": "{{ word }}"}, [{"A": "1"}, {"B": "{{ number }}"}], "{{ table }}", {}]),
    "no_log": _TRUTH,
    "ignore_errors": _TRUTH,
    "ignore_unreachable": _TRUTH,
    "check_mode": _TRUTH,
    "diff": _TRUTH,
    "any_errors_fatal": _TRUTH,
    "throttle": _NUMBER,
    "timeout": _NUMBER,
    "run_once": _TRUTH,
    "debugger": st.sampled_from(["never", "on_failed", "{{ word }}"]),
    "tags": _WORDS | st.just("one,two"),
    "collections": st.sampled_from([["ansible.builtin"], ["some.where", "{{ word }}"]]),
    "vars": st.sampled_from([{"own": "{{ word }}"}, {}]),
    "module_defaults": st.sampled_from([{"debug": {"msg": "{{ word }}"}}, {"command": {"chdir": "/x"}}]),
}
_WITH_CONDITIONS = {"when": _CONDITION, "notify": _WORDS, "delegate_to": _TEXT, "delegate_facts": _TRUTH}
_OF_TASKS = {
    "register": st.just("result"),
    "retries": _NUMBER,
    "delay": _NUMBER,
    "until": _CONDITION,
    "changed_when": _CONDITION,
    "failed_when": _CONDITION,
    "loop": st.sampled_from([["a", "b"], "{{ words }}"]),
    "loop_control": st.fixed_dictionaries(
        {}, optional={"loop_var": st.just("thing"), "label": _TEXT, "pause": _NUMBER, "extended": _TRUTH}
    ),
    "async": _NUMBER,
    "poll": _NUMBER,
}
_ACTION = st.sampled_from(
    [
        {"debug": {"msg": "{{ word }}"}},
        {"ansible.builtin.command": "/bin/true {{ number }}"},
        {"ansible.builtin.copy": {"content": "{{ words }}", "dest": "/x"}},
        {"ansible.builtin.ping": None},
        {"ansible.builtin.set_fact": {"a": "{{ undefined }}"}},
    ]
)


def _few(keywords: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[dict[str, Any]]:
    chosen = st.lists(st.sampled_from(sorted(keywords)), max_size=4, unique=True)
    return chosen.flatmap(lambda names: st.fixed_dictionaries({name: keywords[name] for name in names}))


_PLAYS = st.tuples(
    _few({name: values for name, values in _EVERYWHERE.items() if name not in ("name", "run_once")}),
    _few(_EVERYWHERE | _WITH_CONDITIONS),
    _few(_EVERYWHERE | _WITH_CONDITIONS),
    _few(_EVERYWHERE | _WITH_CONDITIONS | _OF_TASKS),
    _ACTION,
)


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    set_up()
    fields._inherited.clear()
    task_models._models.clear()
    yield
    fields._inherited.clear()
    task_models._models.clear()


class _Source:
    """Loads plays as ansible-playbook does."""

    def __init__(self) -> None:
        self.loader = DataLoader()
        self.variables = VariableManager(
            loader=self.loader, inventory=InventoryManager(loader=self.loader, sources=["localhost,"])
        )

    def play(self, content: dict[str, Any]) -> Any:
        return Play.load(self.data(content), variable_manager=self.variables, loader=self.loader)

    def data(self, content: dict[str, Any]) -> Any:
        return self.loader.load(trust_as_template(json.dumps(content)))

    def templar(self) -> TemplateEngine:
        return TemplateEngine(loader=self.loader, variables=dict(_VARIABLES))


def _play(keywords: tuple[dict[str, Any], ...]) -> dict[str, Any]:
    play, outer, inner, task, action = keywords
    return {"hosts": "all", **play, "tasks": [{**outer, "block": [{**inner, "block": [{**task, **action}]}]}]}


def _only_task(play: Any) -> Any:
    (inner,) = play.tasks[0].block
    (task,) = inner.block
    return task


def _stock_copy(task: Any) -> Any:
    """Return a copy with parents of its own, as in a process of its own."""
    return task.copy(exclude_tasks=True)


def _shown(value: Any) -> Any:
    """Return a value with its types and tags, comparable."""
    if isinstance(value, LoopControl):
        return ["LoopControl", *(_shown(getattr(value, name)) for name in LoopControl.fattributes)]
    tags = sorted(map(repr, AnsibleTagHelper.tags(value)))
    if isinstance(value, dict):
        items: Any = [(_shown(key), _shown(item)) for key, item in value.items() if key != "uuid"]
    elif isinstance(value, list | tuple):
        items = [_shown(item) for item in value]
    else:
        items = value
    return type(value).__name__, items, tags


def _fields(thing: Any) -> dict[str, Any]:
    return {name: _shown(getattr(thing, name)) for name in type(thing).fattributes}


def _outcome(act: Callable[[], Any]) -> str:
    try:
        act()
    except Exception as error:
        causes = [error]
        while causes[-1].__cause__ is not None:
            causes.append(causes[-1].__cause__)  # type: ignore[arg-type]
        return " <- ".join(f"{type(cause).__name__}: {cause}" for cause in causes)
    return "done"


def _assert_same_life(stock: Any, quick: Any, templar: Callable[[], Any]) -> None:
    """Let a stock copy and a quick one of the same task go through what TaskExecutor does with it."""
    assert _fields(quick) == _fields(stock)
    stock.squash()
    quick.squash()
    assert _fields(quick) == _fields(stock)
    assert _shown(quick.dump_attrs()) == _shown(stock.dump_attrs())
    again_stock, again_quick = (task.copy(exclude_parent=True, exclude_tasks=True) for task in (stock, quick))
    again_stock._parent, again_quick._parent = stock._parent, quick._parent
    assert _fields(again_quick) == _fields(again_stock)
    for one, other in ((stock, quick), (again_stock, again_quick)):
        assert _outcome(lambda one=one: one.post_validate(templar())) == _outcome(  # type: ignore[misc]
            lambda other=other: other.post_validate(templar())  # type: ignore[misc]
        )
        assert _fields(other) == _fields(one)
        assert other.finalized == one.finalized
        assert _shown(other.dump_attrs()) == _shown(one.dump_attrs())


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(_PLAYS)
def test_a_task_has_the_fields_that_ansible_core_gives_it(keywords: tuple[dict[str, Any], ...]) -> None:
    source = _Source()
    try:
        tasks = [_only_task(source.play(_play(keywords))) for _ in range(2)]
    except AnsibleError:
        assume(False)  # refused when it is loaded; nobody runs it
    # the first is the model of the second
    for _host in range(2):
        _assert_same_life(_stock_copy(tasks[0]), private_copy(tasks[1]), source.templar)


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    _PLAYS,
    st.fixed_dictionaries(
        {},
        optional={
            "ansible_host": st.sampled_from(["h", "{{ word }}"]),
            "ansible_port": _NUMBER,
            "ansible_user": _TEXT,
            "ansible_connection": st.sampled_from(["local", "ssh"]),
            "ansible_become": _TRUTH,
            "ansible_become_user": _TEXT,
            "ansible_ssh_pass": _TEXT,
            "ansible_executable": _TEXT,
            "ansible_delegated_vars": st.just({"plain": {"ansible_port": 5, "inventory_hostname": "plain"}}),
        },
    ),
)
def test_a_play_context_has_the_fields_that_ansible_core_gives_it(
    keywords: tuple[dict[str, Any], ...], variables: dict[str, Any]
) -> None:
    source = _Source()
    try:
        play = source.play(_play(keywords))
        task = _stock_copy(_only_task(play))
        task.squash()
    except AnsibleError:
        assume(False)
    context = PlayContext(play, passwords={"conn_pass": "secret"}, connection_lockfd=None)
    lives = []
    for mine in (context.copy(), quick_play_context(context), quick_play_context(context)):
        told: list[Any] = [_fields(mine)]
        for _round in range(2):
            seen = source.data(variables)
            mine = mine.set_task_and_variable_override(task=task, variables=seen, templar=source.templar())
            told += [_fields(mine), _outcome(lambda mine=mine: mine.post_validate(templar=source.templar()))]  # type: ignore[misc]
            mine.update_vars(seen)
            told += [_fields(mine), _shown(seen), vars(mine)["_become_plugin"], mine.success_key, mine.finalized]
        lives.append(told)
    assert lives[0] == lives[1] == lives[2]


def test_what_one_host_makes_of_a_block_is_not_seen_by_another() -> None:
    source = _Source()
    task = _only_task(source.play(_play(({}, {}, {"name": "{{ word }}"}, {}, {"debug": {"msg": "x"}}))))
    block = task._parent
    before = dict(vars(block))
    copy = private_copy(task)
    copy.squash()
    copy.post_validate(source.templar())
    assert vars(block) == before
    assert not block.finalized


def test_what_changes_around_a_task_is_seen_by_the_next_host() -> None:
    source = _Source()
    task = _only_task(source.play(_play(({"become_user": "first"}, {}, {}, {}, {"debug": {"msg": "x"}}))))

    def inherited() -> tuple[Any, Any, Any]:
        copy = private_copy(task)
        copy.squash()
        return copy.become_user, copy.no_log, copy.tags

    assert inherited() == ("first", False, [])
    assert inherited() == ("first", False, [])
    task._parent._play._become_user = "second"
    task._parent._parent._no_log = True
    task._parent._tags = ["late"]
    assert inherited() == ("second", True, ["late"])
    task._parent.become_user = "third"
    assert inherited()[0] == "third"
    task._parent._become_user = Sentinel
    assert inherited()[0] == "second"


def test_what_changes_in_a_task_is_seen_by_the_next_host_and_by_no_other() -> None:
    source = _Source()
    keywords = {"environment": [{"A": "1"}], "loop": [1], "loop_control": {"label": "x"}, "vars": {"a": 1}}
    task = _only_task(source.play(_play(({}, {}, {"tags": ["around"]}, keywords, {"debug": {"msg": "x"}}))))
    first = private_copy(task)
    first.args["msg"] = "changed"
    first.vars["a"] = 2
    first.tags.append("changed")
    first.environment.append({})
    first.loop.append(2)
    first.loop_control.label = "changed"
    for copy in (private_copy(task), private_copy(task)):
        assert (copy.args, copy.vars, copy.tags, copy.environment) == ({"msg": "x"}, {"a": 1}, ["around"], [{"A": "1"}])
        assert (copy.loop, copy.loop_control.label) == ([1], "x")
    task.args["msg"] = "later"
    task.name = "later"
    task.loop_control.label = "later"
    last = private_copy(task)
    assert (last.args, last.name, last.loop_control.label) == ({"msg": "later"}, "later", "later")
    assert first.args == {"msg": "changed"}


def test_a_play_context_that_changes_is_seen_by_the_next_task() -> None:
    context = PlayContext(passwords={}, connection_lockfd=None)
    assert quick_play_context(context).port == quick_play_context(context).port
    context.port = 7
    context.become_user = "other"
    for copy in (quick_play_context(context), quick_play_context(context)):
        assert (copy.port, copy.become_user) == (7, "other")
        copy.port = 8


def test_tasks_of_roles_and_imports_inherit_alike(tmp_path: Path) -> None:
    files: dict[str, Any] = {
        "roles/base/tasks/main.yml": [{"debug": {"msg": "base"}}],
        "roles/top/meta/main.yml": {"dependencies": [{"role": "base", "become_user": "dependency", "tags": "dep"}]},
        "roles/top/tasks/main.yml": [
            {"debug": {"msg": "top"}, "environment": {"A": "1"}},
            {"import_tasks": "more.yml", "no_log": True, "environment": {"B": "{{ word }}"}, "when": "truth"},
        ],
        "roles/top/tasks/more.yml": [{"debug": {"msg": "{{ word }}"}, "tags": ["own"], "environment": {"C": "3"}}],
    }
    for name, content in files.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    tasks: list[list[Any]] = []
    for _ in range(2):
        source = _Source()
        source.loader.set_basedir(str(tmp_path))
        play = source.play({"hosts": "all", "roles": [{"role": "top", "become": True, "tags": "r"}], "port": 2})
        found: list[Any] = []
        blocks = list(play.compile())
        while blocks:
            for one in blocks.pop(0).block:
                (blocks if isinstance(one, Block) else found).append(one)
        tasks.append([task for task in found if task.action == "debug"])
    assert [task.args["msg"] for task in tasks[0]] == ["base", "top", "{{ word }}"]
    for stock, quick in zip(*tasks, strict=True):
        for _host in range(2):
            _assert_same_life(_stock_copy(stock), private_copy(quick), source.templar)


def test_every_class_of_tasks_keeps_what_it_adds() -> None:
    class Counted(Task):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            self.copies = 0
            super().__init__(*args, **kwargs)

        def copy(self, *args: Any, **kwargs: Any) -> Any:
            new = super().copy(*args, **kwargs)
            new.copies = self.copies + 1
            return new

    task = Counted()
    assert private_copy(task).copies == 1
    assert isinstance(private_copy(task), Counted)
    assert type(private_copy(task)).__name__ == "Counted"
