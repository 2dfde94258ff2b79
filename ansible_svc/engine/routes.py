# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide where a task runs: on a thread, in a forked worker that reaches the Pool, or as stock does it."""

from __future__ import annotations

import functools
from enum import Enum
from typing import Any, NamedTuple

import mitogen.core
import mitogen.sudo
from ansible.errors import AnsibleError
from ansible.plugins import loader

from ansible_svc.compat.core_plugins import core_plugin
from ansible_svc.compat.worker import keeps_terminal
from ansible_svc.engine.connections import native_class

# ansible-core's action plugins that run on threads. Each was read for process-wide state; docs/threads.md says what was
# found. What is not named here is forked.
THREADED_ACTIONS = frozenset(
    f"action/{name}"
    for name in (
        "add_host",
        "assemble",
        "assert",
        "async_status",
        "command",
        "copy",
        "debug",
        "dnf",
        "fail",
        "fetch",
        "gather_facts",
        "group_by",
        "include_vars",
        "normal",
        "package",
        "raw",
        "script",
        "service",
        "set_fact",
        "set_stats",
        "shell",
        "template",
        "unarchive",
        "uri",
        "validate_argument_spec",
    )
)
# Those of them that wait for no managed host: only ansible-core's alarm can end them in time.
_WITHOUT_HOST = frozenset(
    f"action/{name}"
    for name in (
        "add_host",
        "assert",
        "debug",
        "fail",
        "group_by",
        "include_vars",
        "set_fact",
        "set_stats",
        "validate_argument_spec",
    )
)
_SH_NAMES = frozenset(("sh", "ansible.builtin.sh", "ansible.legacy.sh", "/bin/sh", "/bin/bash", "bash"))


class Way(Enum):
    """How a task is run."""

    NATIVE = "native"
    FORKED = "forked"
    STOCK = "stock"


class Route(NamedTuple):
    """A way, and why it is not the native one."""

    way: Way
    reason: str = ""


NATIVE = Route(Way.NATIVE)


class Keywords:
    """What decides a task's route and does not depend on the host: looked up once for hosts that follow each other.

    Parameters:
        task: as the strategy got it, not yet templated.
        options: the strategy's: fork_actions, thread_actions.

    A keyword of a task is looked up through its blocks and its play each time, which adds up.
    """

    def __init__(self, task: Any, options: dict[str, Any]) -> None:
        self.task = task
        self._options = options
        self.throttle = task.throttle
        self.delegate_to = task.delegate_to
        self.connection = task.connection
        self.become = task.become

    @functools.cached_property
    def become_method(self) -> Any:
        """The task's become_method."""
        return self.task.become_method

    @functools.cached_property
    def become_flags(self) -> Any:
        """The task's become_flags."""
        return self.task.become_flags

    @functools.cached_property
    def by_action(self) -> Route:
        """How the task is run as far as its action decides."""
        task = self.task
        if "{" in task.action:
            return Route(Way.FORKED, "its action is a template, and could be any")
        # The property of this name warns of names that nobody can resolve yet, as of an action that is a template.
        names = {task.action, task._resolved_action}
        if names.intersection(self._options["fork_actions"]):
            return Route(Way.FORKED, f"fork_actions names {task.action}")
        known = core_plugin(_action_plugin(task.action, task.collections))
        if known not in THREADED_ACTIONS and not names.intersection(self._options["thread_actions"]):
            return Route(Way.FORKED, f"action plugin {task.action} is not known to be safe on threads")
        if task.timeout and known in _WITHOUT_HOST:
            return Route(Way.FORKED, "it has a timeout and waits for no managed host")
        return NATIVE


def route(keywords: Keywords, task_vars: dict[str, Any], templar: Any) -> Route:
    """Return how a task is to be run for a host.

    Parameters:
        keywords: the task's.
        task_vars: its variables.
        templar: returns a TemplateEngine, for the few values that have to be known here. A value that cannot be
            templated yet (it depends on a loop item) is taken as ordinary; the executor meets it again with
            ansible-core's own code.
    """
    if keeps_terminal(task_vars):
        return Route(Way.STOCK, "it is not to be isolated from the terminal")
    variables = _host_variables(keywords, task_vars, templar)
    reason = (
        _unknown_connection(keywords, variables, templar)
        or _unknown_become(keywords, variables, templar)
        or _unknown_shell(variables, templar)
    )
    return Route(Way.STOCK, reason) if reason else keywords.by_action


def _template(value: Any, templar: Any) -> Any:
    if not isinstance(value, str) or "{" not in value:
        return value
    try:
        return templar().template(value)
    except AnsibleError:
        return None


def _host_variables(keywords: Keywords, task_vars: dict[str, Any], templar: Any) -> dict[str, Any]:
    """Return the variables that connection settings come from: the delegated host's, when there is one."""
    if keywords.delegate_to is None:
        return task_vars
    name = _template(keywords.delegate_to, templar)
    hostvars = task_vars.get("hostvars")
    if name is None or hostvars is None or name not in hostvars:
        return {key: value for key, value in task_vars.items() if not key.startswith("ansible_connection")}
    return dict(hostvars.raw_get(name)) | {
        key: value for key, value in (keywords.task.vars or {}).items() if key.startswith("ansible_")
    }


def _unknown_connection(keywords: Keywords, variables: dict[str, Any], templar: Any) -> str:
    value = variables.get("ansible_connection", keywords.connection)
    name = _template(value, templar)
    if name is None or _native_connection(str(name)):
        return ""
    return f"connection plugin {name} is not one that svc takes over"


@functools.cache
def _native_connection(name: str) -> bool:
    stock = loader.connection_loader.get(name, class_only=True)
    return stock is not None and native_class(stock) is not None


def _unknown_become(keywords: Keywords, variables: dict[str, Any], templar: Any) -> str:
    wanted = _template(variables.get("ansible_become", keywords.become), templar)
    if wanted is None or str(wanted).lower() in ("false", "no", "0", "n", "off", "f", ""):
        return ""
    method = _template(variables.get("ansible_become_method", keywords.become_method), templar)
    if method is not None and not _native_become(str(method)):
        return f"become plugin {method} is not one that svc takes over"
    flags = variables.get("ansible_sudo_flags", variables.get("ansible_become_flags", keywords.become_flags))
    flags = _template(flags, templar) if flags is not None else None
    if flags and not _sudo_understands(str(flags)):
        return f"sudo flags {flags} are not among those that svc understands"
    return ""


@functools.cache
def _native_become(name: str) -> bool:
    plugin = loader.become_loader.get(name, class_only=True)
    return plugin is not None and core_plugin(plugin) == "become/sudo"


@functools.cache
def _sudo_understands(flags: str) -> bool:
    try:
        mitogen.sudo.parse_sudo_flags(flags.split())
    except (mitogen.core.StreamError, ValueError):
        return False
    return True


def _unknown_shell(variables: dict[str, Any], templar: Any) -> str:
    for name in ("ansible_shell_type", "ansible_shell_executable"):
        value = variables.get(name)
        shell = _template(value, templar) if value is not None else None
        if shell and name == "ansible_shell_type" and str(shell) not in _SH_NAMES:
            return f"shell plugin {shell} is not one that svc takes over"
    return ""


def _action_plugin(action: str, collections: list[str] | None) -> Any:
    """Return the class of the action plugin that TaskExecutor would choose (its _get_action_handler...)."""
    module = loader.module_loader.find_plugin_with_context(action, collection_list=collections)
    if module.resolved and module.action_plugin:
        return loader.action_loader.get(module.action_plugin, class_only=True, collection_list=collections)
    if loader.action_loader.has_plugin(action, collection_list=collections):
        return loader.action_loader.get(action, class_only=True, collection_list=collections)
    return loader.action_loader.get("ansible.legacy.normal", class_only=True)
