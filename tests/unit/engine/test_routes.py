# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which task runs where, and what is said about it."""

from __future__ import annotations

from typing import Any

import pytest
from ansible import constants as C
from ansible._internal._templating._engine import TemplateEngine
from ansible.parsing.dataloader import DataLoader
from ansible.playbook.task import Task
from ansible.template import trust_as_template
from ansible.utils.display import Display

from ansible_svc.compat import worker
from ansible_svc.engine.routes import NATIVE, Keywords, Route, Way, route
from tests.unit.ansible_setup import set_up

FORKED, STOCK = Way.FORKED, Way.STOCK
CONNECTION = "connection plugin {} is not one that svc takes over"
BECOME = "become plugin {} is not one that svc takes over"
FLAGS = "sudo flags {} are not among those that svc understands"
SHELL = "shell plugin {} is not one that svc takes over"


class HostVars(dict[str, dict[str, Any]]):
    """Be ansible-core's hostvars, of which the raw values are asked for."""

    def raw_get(self, name: str) -> dict[str, Any]:
        return self[name]


@pytest.fixture(autouse=True, scope="module")
def _ansible() -> None:
    set_up()


def trusted(value: Any) -> Any:
    """Return a value as it comes from a playbook or an inventory."""
    if isinstance(value, dict):
        return {key: trusted(one) for key, one in value.items()}
    return trust_as_template(value) if isinstance(value, str) else value


def routed(
    task: dict[str, Any],
    variables: dict[str, Any] | None = None,
    hostvars: dict[str, dict[str, Any]] | None = None,
    **options: list[str],
) -> Route:
    loader = DataLoader()
    loaded = Task.load(trusted({"connection": "ssh", **task}), loader=loader)
    everything = {**trusted(variables or {}), "hostvars": HostVars(hostvars or {})}
    templar = TemplateEngine(loader=loader, variables=everything)
    keywords = Keywords(loaded, {"fork_actions": [], "thread_actions": [], **options})
    return route(keywords, everything, lambda: templar)


COMMAND: dict[str, Any] = {"command": "true"}


@pytest.mark.parametrize(
    "task",
    [
        {"command": "true"},
        {"ansible.builtin.command": "true"},
        {"ansible.legacy.shell": "true"},
        {"ping": None},
        {"setup": None},
        {"debug": {"msg": "x"}},
        {"copy": {"content": "x", "dest": "/x"}},
        {"command": "true", "loop": [1, 2]},
    ],
    ids=lambda task: next(iter(task)),
)
def test_an_ordinary_task_is_native(task: dict[str, Any]) -> None:
    assert routed(task) == NATIVE


@pytest.mark.parametrize("action", ["a_module_that_does_not_exist", "no.such.module", "include_tasks", ""])
def test_what_ansible_core_has_something_to_say_about_is_native(action: str) -> None:
    task = Task.load({"connection": "ssh", **COMMAND})
    task.action = action
    options: dict[str, Any] = {"fork_actions": [], "thread_actions": []}
    assert route(Keywords(task, options), {}, lambda: TemplateEngine(variables={})) == NATIVE


@pytest.mark.parametrize("action", ["{{ which }}", "ansible.builtin.{{ which }}"])
def test_an_action_that_is_a_template_may_be_one_that_is_not_safe_on_threads(action: str) -> None:
    routes = {routed({"action": action}, {"which": which}) for which in ("command", "pause")}
    assert routes == {Route(Way.FORKED, "its action is a template, and could be any")}


@pytest.mark.parametrize("action", ["{{ which }}", "a_module_that_does_not_exist"])
def test_nobody_is_warned_of_an_action_that_cannot_be_resolved_yet(
    action: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(Display()), "warning", lambda _self, message, **_options: pytest.fail(message))
    task = Task.load({"connection": "ssh", **COMMAND})
    task.action, task._resolved_action = action, None
    route(Keywords(task, {"fork_actions": [], "thread_actions": []}), {}, lambda: TemplateEngine(variables={}))


# -- connections


@pytest.mark.parametrize("name", ["ssh", "ansible.builtin.ssh", "ansible.legacy.ssh", "local", "ansible.builtin.local"])
def test_connections_that_are_ours(name: str) -> None:
    assert routed({**COMMAND, "connection": name}) == NATIVE
    assert routed(COMMAND, {"ansible_connection": name}) == NATIVE


@pytest.mark.parametrize("name", ["winrm", "psrp", "ansible.builtin.winrm", "no_such_connection", "ns.col.docker"])
def test_connections_that_are_not(name: str) -> None:
    expected = Route(STOCK, CONNECTION.format(name))
    assert routed({**COMMAND, "connection": name}) == expected
    assert routed(COMMAND, {"ansible_connection": name}) == expected


@pytest.mark.parametrize(
    ("task", "variables", "way"),
    [
        ({"connection": "winrm"}, {"ansible_connection": "ssh"}, Way.NATIVE),
        ({}, {"ansible_connection": "{{ kind }}", "kind": "winrm"}, STOCK),
        ({}, {"ansible_connection": "{{ kind }}", "kind": "local"}, Way.NATIVE),
        ({"connection": "{{ kind }}"}, {"kind": "winrm"}, STOCK),
        ({"loop": ["winrm"]}, {"ansible_connection": "{{ item }}"}, Way.NATIVE),
        ({"connection": "{{ undefined_name }}"}, {}, Way.NATIVE),
        ({"vars": {"kind": "x"}}, {"ansible_connection": "{{ 1 / 0 }}"}, Way.NATIVE),
    ],
    ids=[
        "the variable wins",
        "templated",
        "templated, ours",
        "templated keyword",
        "depends on the loop",
        "undefined",
        "fails",
    ],
)
def test_a_connection_is_templated(task: dict[str, Any], variables: dict[str, Any], way: Way) -> None:
    assert routed({**COMMAND, **task}, variables).way is way


def test_a_delegated_task_has_the_other_hosts_connection() -> None:
    task = {**COMMAND, "delegate_to": "{{ where }}"}
    variables = {"where": "other", "ansible_connection": "winrm"}
    assert routed(task, variables, {"other": {"ansible_connection": "ssh"}}) == NATIVE
    variables["ansible_connection"] = "ssh"
    assert routed(task, variables, {"other": {"ansible_connection": "winrm"}}) == Route(
        STOCK, CONNECTION.format("winrm")
    )


@pytest.mark.parametrize("where", ["not_in_inventory", "{{ item }}", "{{ undefined_name }}"])
def test_a_delegated_task_to_somewhere_unknown_has_the_plays_connection(where: str) -> None:
    task = {**COMMAND, "delegate_to": where}
    assert routed(task, {"ansible_connection": "winrm"}) == NATIVE
    assert routed({**task, "connection": "winrm"}, {"ansible_connection": "ssh"}).way is STOCK


def test_a_delegated_tasks_own_variables_win() -> None:
    task = {**COMMAND, "delegate_to": "other", "vars": {"ansible_connection": "winrm"}}
    assert routed(task, {}, {"other": {"ansible_connection": "ssh"}}).way is STOCK
    task["vars"] = {"ansible_connection": "local"}
    assert routed(task, {}, {"other": {"ansible_connection": "winrm"}}) == NATIVE


# -- become


@pytest.mark.parametrize("method", ["sudo", "ansible.builtin.sudo", "ansible.legacy.sudo"])
def test_sudo_is_ours(method: str) -> None:
    assert routed({**COMMAND, "become": True, "become_method": method}) == NATIVE
    assert routed({**COMMAND, "become": True}, {"ansible_become_method": method}) == NATIVE


@pytest.mark.parametrize("method", ["su", "ansible.builtin.runas", "no_such_method", "community.general.doas"])
def test_other_methods_are_not(method: str) -> None:
    expected = Route(STOCK, BECOME.format(method))
    assert routed({**COMMAND, "become": True, "become_method": method}) == expected
    assert routed({**COMMAND, "become": "{{ yes_please }}", "become_method": method}, {"yes_please": True}) == expected
    assert routed(COMMAND, {"ansible_become": "true", "ansible_become_method": method}) == expected


@pytest.mark.parametrize("wanted", [False, "no", "false", "0", "n", "off", "F", "", "{{ not true }}"])
def test_a_method_does_not_matter_without_become(wanted: Any) -> None:
    assert routed({**COMMAND, "become_method": "su"}, {"ansible_become": wanted}) == NATIVE


def test_become_that_depends_on_the_loop_is_taken_as_ordinary() -> None:
    assert routed({**COMMAND, "become": "{{ item }}", "become_method": "su", "loop": [True]}) == NATIVE
    assert routed({**COMMAND, "become": True, "become_method": "{{ item }}", "loop": ["su"]}) == NATIVE


@pytest.mark.parametrize("flags", ["-H -S -n", "-H", "", "-u someone", "--set-home", "-E", "{{ item }}"])
def test_flags_that_sudo_of_ours_has(flags: str) -> None:
    assert routed({**COMMAND, "become": True, "become_flags": flags}) == NATIVE


@pytest.mark.parametrize("flags", ["--no-such-flag", "-Z"])
@pytest.mark.parametrize("variable", ["ansible_sudo_flags", "ansible_become_flags", None])
def test_flags_that_sudo_of_ours_has_not(flags: str, variable: str | None) -> None:
    task = {**COMMAND, "become": True}
    given = routed(task, {variable: flags}) if variable else routed({**task, "become_flags": flags})
    assert given == Route(STOCK, FLAGS.format(flags))


def test_sudo_flags_are_preferred_to_become_flags() -> None:
    variables = {"ansible_sudo_flags": "-H", "ansible_become_flags": "--no-such-flag"}
    assert routed({**COMMAND, "become": True}, variables) == NATIVE


# -- shells


@pytest.mark.parametrize("name", ["sh", "ansible.builtin.sh", "{{ 's' ~ 'h' }}", ""])
def test_shells_that_are_ours(name: str) -> None:
    assert routed(COMMAND, {"ansible_shell_type": name}) == NATIVE


@pytest.mark.parametrize("name", ["powershell", "cmd", "fish", "ansible.posix.csh"])
def test_shells_that_are_not(name: str) -> None:
    assert routed(COMMAND, {"ansible_shell_type": name}) == Route(STOCK, SHELL.format(name))


def test_any_executable_of_a_shell_is_ours() -> None:
    assert routed(COMMAND, {"ansible_shell_executable": "/usr/bin/zsh"}) == NATIVE


# -- the terminal


@pytest.mark.skipif(
    C.config.get_configuration_definition("WORKER_SESSION_ISOLATION") is None, reason="came with ansible-core 2.21"
)
def test_what_is_not_isolated_from_the_terminal_is_stock(monkeypatch: pytest.MonkeyPatch) -> None:
    for value in (False, "no", "no such truth"):
        found = routed(COMMAND, {"ansible_worker_session_isolation": value})
        assert found == Route(STOCK, "it is not to be isolated from the terminal"), value
    assert routed(COMMAND, {"ansible_worker_session_isolation": "yes"}) == NATIVE
    worker._isolation.cache_clear()
    monkeypatch.setenv("ANSIBLE_WORKER_SESSION_ISOLATION", "no")
    assert routed(COMMAND).way is STOCK
    assert routed(COMMAND, {"ansible_worker_session_isolation": True}) == NATIVE
    monkeypatch.delenv("ANSIBLE_WORKER_SESSION_ISOLATION")
    worker._isolation.cache_clear()
    assert routed(COMMAND) == NATIVE


# -- actions


@pytest.mark.parametrize("action", ["pause", "reboot", "wait_for_connection", "set_fact"])
def test_actions_that_are_not_known_to_be_safe_are_forked(action: str) -> None:
    given = routed({action: {"x": 1}})
    if action == "set_fact":
        assert given == NATIVE
    else:
        assert given == Route(FORKED, f"action plugin {action} is not known to be safe on threads")


def test_stock_comes_before_forked() -> None:
    assert routed({"pause": {"seconds": 1}, "connection": "winrm"}).way is STOCK


@pytest.mark.parametrize(
    ("task", "named"),
    [
        ("command", "command"),
        ("command", "ansible.builtin.command"),
        ("ansible.builtin.command", "ansible.builtin.command"),
    ],
)
def test_fork_actions_by_any_name(task: str, named: str) -> None:
    """'By name as in the task or fully qualified', says the documentation."""
    assert routed({task: "true"}, fork_actions=[named]).way is FORKED


@pytest.mark.parametrize(
    ("task", "named"),
    [("pause", "pause"), ("pause", "ansible.builtin.pause"), ("ansible.builtin.pause", "ansible.builtin.pause")],
)
def test_thread_actions_by_any_name(task: str, named: str) -> None:
    assert routed({task: {"seconds": 1}}, thread_actions=[named]) == NATIVE


def test_fork_actions_win() -> None:
    assert routed({"pause": {}}, fork_actions=["pause"], thread_actions=["pause"]) == Route(
        FORKED, "fork_actions names pause"
    )
    assert routed({"copy": {}}, fork_actions=["command"]) == NATIVE


# -- timeouts


def test_a_timeout_of_what_waits_for_a_host_is_native() -> None:
    assert routed({**COMMAND, "timeout": 5}) == NATIVE


@pytest.mark.parametrize("action", ["debug", "assert", "set_fact", "include_vars"])
def test_a_timeout_of_what_runs_here_is_forked(action: str) -> None:
    task: dict[str, Any] = {action: {"x": 1}}
    assert routed({**task, "timeout": 5}) == Route(FORKED, "it has a timeout and waits for no managed host")
    assert routed({**task, "timeout": 0}) == NATIVE
