# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Variables out of a memory are those that ansible-core puts together anew, whatever has happened before."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible._internal._templating._engine import TemplateEngine
from ansible.errors import AnsibleError
from ansible.inventory.manager import InventoryManager
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.play import Play
from ansible.plugins.loader import cache_loader
from ansible.template import trust_as_template
from ansible.vars.hostvars import HostVars
from ansible.vars.manager import VariableManager
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_svc.compat import variables
from ansible_svc.compat.other_names import with_names
from ansible_svc.compat.variables import Variables, remember_variables
from tests.unit.ansible_setup import set_up

FILES = {
    "inventory/hosts": "[web]\nh1 level=inventory\nh2\n[db]\nh2\nh3\n[web:vars]\nof_web=1\n",
    "inventory/group_vars/web.yml": "level: inventory group_vars\nfrom_file: [1, {two: 3}]\n",
    "inventory/host_vars/h1/a.yml": "own: {a: 1}\n",
    "group_vars/all.yml": "level: play group_vars\nlazy: '{{ level }} {{ inventory_hostname }}'\n",
    "host_vars/h3.yml": "own: three\n",
    "vars/h1.yml": "by_name: one\n",
    "vars/other.yml": "by_name: other\n",
    "roles/r/defaults/main.yml": "level: default\nonly_default: '{{ level }}'\n",
    "roles/r/vars/main.yml": "of_role: 1\n",
    "roles/r/tasks/main.yml": "- debug:\n- debug:\n  vars: {level: of the role's task}\n",
}
PLAY: dict[str, Any] = {
    "name": "play",
    "hosts": "all",
    "gather_facts": False,
    "vars": {"of_play": "{{ level }}"},
    "vars_files": [["{{ inventory_hostname }}.yml", "other.yml"]],
    "roles": [{"role": "r", "parameter": 1}],
    "tasks": [
        {"debug": {"msg": "{{ lazy }}"}},
        {"debug": {"msg": "{{ own }}"}, "vars": {"level": "of the task", "ansible_x": "{{ of_play }}"}},
        {"block": [{"debug": None}], "vars": {"of_block": 1}, "environment": {"E": "{{ level }}"}},
    ],
}
TEMPLATES = [
    "{{ lazy | default('none') }}",
    "{{ ansible_facts }}",
    "{{ ansible_facts.deep.a | default(ansible_x | default('none')) }}",
    "{{ hostvars.h2.level | default('none') }} {{ hostvars.h2.ansible_facts }}",
    "{{ own | default('none') }} {{ found | default('none') }} {{ group_names }} {{ groups }}",
    "{{ only_default }} {{ of_play }} {{ by_name | default('none') }} {{ ansible_play_hosts }}",
]


@pytest.fixture(autouse=True, scope="module")
def _ansible() -> None:
    set_up()


class World:
    """Have an inventory, a play with a role and files beside both, and a VariableManager that remembers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name, text in FILES.items():
            self.write(name, text)
        self.loader = DataLoader()
        self.loader.set_basedir(str(folder))
        self.inventory = InventoryManager(loader=self.loader, sources=[str(folder / "inventory")])
        self.manager = VariableManager(loader=self.loader, inventory=self.inventory)
        self.manager._extra_vars = {}  # ansible-core's is one for the process
        self.manager._fact_cache = cache_loader.get("ansible.builtin.memory")
        remember_variables(self.manager)
        HostVars(self.inventory, self.manager, self.loader)
        self.play = Play.load(trusted(PLAY), variable_manager=self.manager, loader=self.loader)
        self.tasks = [task for block in self.play.compile() for task in block.get_tasks() if task.action == "debug"] + [
            None
        ]

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def host(self, number: int) -> Any:
        hosts = sorted(self.inventory.hosts)
        return self.inventory.hosts[hosts[number % len(hosts)]]

    def arguments(self, number: int, task: int) -> dict[str, Any]:
        names = sorted(self.inventory.hosts)
        return {
            "play": self.play,
            "host": self.host(number),
            "task": self.tasks[task % len(self.tasks)],
            "_hosts": names,
            "_hosts_all": names,
        }

    def check(self, number: int, task: int, *, first: bool) -> None:
        """Compare what the memory says with what ansible-core works out, asked in either order."""
        arguments = self.arguments(number, task)
        asked = self.compare(first, **arguments)
        if isinstance(asked[0], dict):
            template = TEMPLATES[(number + task) % len(TEMPLATES)]
            rendered = [outcome(lambda given=given: self.render(given, template)) for given in asked]
            assert same(*rendered), (template, rendered)
        self.compare(first, host=arguments["host"], include_hostvars=False)
        self.compare(first, play=arguments["play"], task=arguments["task"])

    def compare(self, first: bool, **arguments: Any) -> list[Any]:
        ways = [self.manager.get_vars, lambda **given: VariableManager.get_vars(self.manager, **given)]
        asked = [outcome(lambda way=way: way(**arguments)) for way in (ways if first else reversed(ways))]
        assert same(*asked), asked
        return asked

    def render(self, given: dict[str, Any], template: str) -> Any:
        return TemplateEngine(loader=self.loader, variables=given).template(trust_as_template(template))


def outcome(work: Callable[[], Any]) -> Any:
    try:
        return work()
    except AnsibleError as error:
        return type(error), str(error)


def trusted(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    if isinstance(value, list):
        return [trusted(one) for one in value]
    return trust_as_template(value) if isinstance(value, str) else value


def same(one: Any, other: Any) -> bool:
    """Tell whether values are equal in types, order and tags, at any depth."""
    if one is other:
        return True
    if type(one) is not type(other) or AnsibleTagHelper.tags(one) != AnsibleTagHelper.tags(other):
        return False
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return bool(one == other)


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


VALUES = st.sampled_from(
    ["text", 1, True, None, {"a": 1}, {"a": {"b": [1, 2]}}, [1, "two"], trust_as_template("{{ inventory_hostname }}")]
)
NAMES = st.sampled_from(["level", "own", "found", "of_play", "ansible_x"])
FACTS = st.dictionaries(
    st.sampled_from(
        [
            "ansible_x",
            "ansible_x",
            "ansible_deep",
            "ansible_local",
            "_ansible_facts_gathered",
            "module_setup",
            # restricted
            "ansible_ssh_user",
            "ansible_ssh_host_key_rsa_public",
            "ansible_python_interpreter",
            "ansible_docker_bridge",
        ]
    ),
    VALUES,
    max_size=2,
)


def change_in_place(world: World, number: int, name: str, value: Any) -> None:
    """Change facts behind the manager's back."""
    host = world.host(number).name
    if world.manager._fact_cache.contains(host):
        world.manager._fact_cache.get(host)[name] = value


def add_host(world: World, number: int, name: str, value: Any) -> None:
    added = {"host_name": f"added{number % 2}", "groups": ["web"], "host_vars": {name: value}}
    world.inventory.add_dynamic_host(added, {"changed": False})


def group_by(world: World, number: int, name: str, _value: Any) -> None:
    result = {"add_group": f"by_{name}", "parent_groups": ["all"], "changed": False}
    world.inventory.add_dynamic_group(world.host(number), result)


def remove(world: World, number: int, _name: str, _value: Any) -> None:
    world.play._removed_hosts.append(world.host(number).name)


def write_files(world: World, number: int, name: str, _value: Any) -> None:
    """Write files that vars plugins may have looked for before, or not."""
    host = world.host(number).name
    world.write(f"host_vars/{host}.yml", f"{name}: late\n")
    world.write(f"inventory/group_vars/by_{name}.yml", f"{name}: late\n")


EVENTS: dict[str, Callable[[World, int, str, Any], object]] = {
    "facts": lambda w, n, name, value: w.manager.set_host_facts(w.host(n).name, {name: value}),
    "set_fact": lambda w, n, name, value: w.manager.set_nonpersistent_facts(w.host(n).name, {name: value}),
    "include_vars": lambda w, n, name, value: w.manager.set_host_variable(w.host(n).name, name, value),
    "clear_facts": lambda w, n, _name, _value: w.manager.clear_facts(w.host(n).name),
    "facts in place": change_in_place,
    "host variable": lambda w, n, name, value: w.host(n).set_variable(name, value),
    "group variable": lambda w, _n, name, value: w.inventory.groups["web"].set_variable(name, value),
    "add_host": add_host,
    "group_by": group_by,
    "refresh_inventory": lambda w, *_: w.inventory.refresh_inventory(),
    "a host fails": remove,
    "late files": write_files,
    "play variable": lambda w, _n, name, value: w.play.vars.update({name: value}),
    "task variable": lambda w, n, name, value: (w.tasks[n % 3].vars or {}).update({name: value}),
    "extra variable": lambda w, _n, name, value: w.manager.extra_vars.update({name: value}),
}


@st.composite
def events(draw: st.DrawFn) -> tuple[Callable[[World], object], int, int, bool]:
    number = draw(st.integers(0, 2))
    name, value = draw(NAMES), draw(VALUES)
    kind = draw(st.sampled_from(["many facts", "many facts", *EVENTS]))
    if kind == "many facts":
        facts = draw(FACTS)
        event: Callable[[World], object] = lambda world: world.manager.set_host_facts(  # noqa: E731
            world.host(number).name, dict(facts)
        )
    else:
        event = lambda world: EVENTS[kind](world, number, name, value)  # noqa: E731
    return event, draw(st.sampled_from([number, number, 2])), draw(st.integers(0, 5)), draw(st.booleans())


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(events(), min_size=1, max_size=12))
def test_whatever_happens_variables_are_those_of_ansible_core(happened: list[Any]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        for event, number, task, first in happened:
            world.manager.get_vars(**world.arguments(number, task))
            event(world)
            world.check(number, task, first=first)


@pytest.mark.parametrize("task", [0, 2])
@pytest.mark.parametrize("kind", EVENTS)
def test_everything_that_happens_shows(world: World, kind: str, task: int) -> None:
    for value in ("one", {"a": 1}, "two", {"b": 2}):
        world.manager.set_host_facts("h1", {"ansible_y": value})
        for name in ("level", "ansible_x"):
            world.check(0, task, first=True)
            EVENTS[kind](world, 0, name, value)
            world.check(0, task, first=True)


@pytest.mark.parametrize("merge", ["merge", "replace"])
def test_the_same_with_each_way_of_combining_dictionaries(
    world: World, monkeypatch: pytest.MonkeyPatch, merge: str
) -> None:
    monkeypatch.setattr(variables.C, "DEFAULT_HASH_BEHAVIOUR", merge)
    world.inventory.hosts["h1"].set_variable("own", {"b": 2})
    world.manager.set_nonpersistent_facts("h1", {"own": {"c": 3}})
    world.check(0, 1, first=True)
    merged = world.manager.get_vars(**world.arguments(0, 1))["own"]
    assert merged == ({"a": 1, "b": 2, "c": 3} if merge == "merge" else {"c": 3})


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, int]]:
    """Count how often ansible-core is asked."""
    counts: dict[str, int] = {}
    for name in ("_clean", "namespace_facts", "get_vars_from_path"):
        stock = getattr(variables, name)

        def counting(*args: Any, name: str = name, stock: Any = stock) -> Any:
            counts[name] = counts.get(name, 0) + 1
            return stock(*args)

        monkeypatch.setattr(variables, name, counting)
    yield counts


def test_what_has_not_changed_is_not_worked_out_again(world: World, counted: dict[str, int]) -> None:
    world.manager.set_host_facts("h1", {"ansible_x": {"a": 1}})
    world.manager.get_vars(**world.arguments(0, 2))
    asked = dict(counted)
    assert asked["_clean"] == asked["namespace_facts"] == 1
    assert asked["get_vars_from_path"] > 3
    for _ in range(3):
        world.manager.get_vars(**world.arguments(0, 2))
    assert counted == asked
    world.manager.set_host_facts("h1", {"ansible_x": {"a": 1}})
    world.manager.get_vars(**world.arguments(0, 2))
    assert counted == asked | {"_clean": 2, "namespace_facts": 2}


def test_facts_that_come_with_a_warning_are_looked_at_each_time(world: World, counted: dict[str, int]) -> None:
    world.manager.set_host_facts("h1", {"ansible_ssh_user": "somebody", "ansible_x": 1})
    for _ in range(3):
        assert "ansible_ssh_user" not in world.manager.get_vars(**world.arguments(0, 2))
    assert counted["_clean"] == 3


def test_a_connection_plugin_that_appears_restricts_facts(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.manager.set_host_facts("h1", {"ansible_late_thing": 1})
    assert "ansible_late_thing" in world.manager.get_vars(**world.arguments(0, 2))
    names = [*variables.connection_loader.all(path_only=True), "/somewhere/late.py"]
    monkeypatch.setattr(variables.connection_loader, "all", lambda path_only: iter(names))
    assert "ansible_late_thing" not in world.manager.get_vars(**world.arguments(0, 2))


def test_who_changes_what_it_got_changes_nobody_elses(world: World) -> None:
    world.manager.set_host_facts("h1", {"ansible_x": 1})
    got = world.manager.get_vars(**world.arguments(0, 2))
    got["ansible_facts"]["x"] = got["ansible_x"] = got["from_file"] = "changed"
    world.check(0, 2, first=True)


def test_facts_that_are_new_objects_each_time_do_not_pile_up(world: World) -> None:
    memory = variables._FactsMemory(lambda: 3)
    for number in range(20):
        assert memory.cleaned({"ansible_x": number}) == {"ansible_x": number}
        assert memory.namespaced({"ansible_x": number}) == {"ansible_facts": {"x": number}}
    assert len(memory._cleaned) == len(memory._namespaced) == 3


def test_vars_plugins_of_others_are_asked_each_time(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = {"x.y.other": (object(), None), **variables.vars_loader._plugin_instance_cache}
    monkeypatch.setattr(variables.vars_loader, "_plugin_instance_cache", cache)
    answers = iter([{"a": 1}, {"a": 2}])
    monkeypatch.setattr(variables, "get_vars_from_path", lambda *_: next(answers))
    memory = variables._FilesMemory()
    asked = (world.loader, str(world.folder), [world.host(0)], "task")
    assert [memory.get_vars(*asked), memory.get_vars(*asked)] == [{"a": 1}, {"a": 2}]


def test_the_manager_stays_the_same_object_and_only_ansible_cores_own_is_changed(world: World) -> None:
    manager = VariableManager(loader=world.loader, inventory=world.inventory)
    state = dict(vars(manager))
    for _ in range(2):
        remember_variables(manager)
        assert isinstance(manager, Variables)
        assert {name: vars(manager)[name] for name in state} == state

    class Another(VariableManager):
        """Be somebody else's."""

    another = Another(loader=world.loader, inventory=world.inventory)
    remember_variables(another)
    assert type(another) is Another


def test_an_ansible_core_that_works_otherwise_is_noticed() -> None:
    with pytest.raises(RuntimeError, match="same of this ansible-core does not know a_name"):
        with_names(same, a_name=1)
