# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work out a setting once for equal inputs, not once for every host and task.

For every task and host ansible-core asks its ConfigManager some fifteen times for settings that nobody has set with a
variable or keyword: an eighth of a small task's time on its thread, measured. What then decides the answer is the
definition, the environment, the command line and the configuration file, and these are compared each time. Settings
that are deprecated (each use is told), that name paths (they depend on the working directory) or that a variable,
keyword or argument sets are always worked out.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

from ansible import constants as C
from ansible import context
from ansible.module_utils._internal._datatag import _AnsibleTaggedFloat, _AnsibleTaggedInt, _AnsibleTaggedStr

from ansible_svc.compat.copying import shallow_copy

_TYPES = (None, "str", "string", "bool", "boolean", "int", "integer", "float", "list", "none", "raw")
_SCALARS = frozenset({str, int, float, bool, type(None), _AnsibleTaggedStr, _AnsibleTaggedInt, _AnsibleTaggedFloat})


def remember_settings() -> None:
    """Have ansible-core's ConfigManager (2.19 to 2.21) remember its answers; calling it again changes nothing."""
    config = C.config
    if "get_config_value_and_origin" in vars(config):
        return
    memory = _Memory(config)
    config.get_config_value_and_origin = memory.get_config_value_and_origin
    config.get_plugin_vars = memory.get_plugin_vars
    config.get_plugin_options_from_var = memory.get_plugin_options_from_var


class _Setting:
    """One setting's definition, taken apart.

    Attributes:
        definition: ansible-core's.
        variables, keywords, environment, arguments: names that may set it.
        templated: whether its default is a template, which variables are for.
        steady: whether its answer may be remembered.
        known: what environment, command line and file were, and the answer; () when there is none yet.

    Threads: any; ``known`` is replaced as a whole.
    """

    __slots__ = ("arguments", "definition", "environment", "keywords", "known", "steady", "templated", "variables")

    def __init__(self, name: str, definition: dict[str, Any]) -> None:
        self.definition = definition
        self.variables = _names(definition.get("vars"))
        self.keywords = (name, *(definition.get("aliases") or ()), *_names(definition.get("keyword")))
        self.environment = _names(definition.get("env"))
        self.arguments = _names(definition.get("cli"))
        default = definition.get("default")
        self.templated = isinstance(default, str) and "{{" in default
        sources = [entry for source in ("env", "ini", "cli") for entry in definition.get(source) or ()]
        deprecated = "deprecated" in definition or any("deprecated" in entry for entry in sources)
        self.steady = not deprecated and definition.get("type") in _TYPES
        self.known: tuple[Any, ...] = ()


def _names(entries: Iterable[dict[str, Any]] | None) -> tuple[str, ...]:
    return tuple(entry["name"] for entry in entries or ())


class _Memory:
    """The answers of one ConfigManager; its methods are ConfigManager's.

    Threads: any. Two threads may work out the same at once, and get the same.
    """

    def __init__(self, config: Any) -> None:
        self._config = config
        self._work_out = config.get_config_value_and_origin
        self._settings: dict[tuple[Any, ...], _Setting] = {}
        self._list_variables = config.get_plugin_vars
        self._list_options = config.get_plugin_options_from_var
        self._lists: dict[tuple[str, ...], tuple[Any, list[str]]] = {}

    def get_config_value_and_origin(
        self,
        config: str,
        cfile: str | None = None,
        plugin_type: str | None = None,
        plugin_name: str | None = None,
        keys: Any = None,
        variables: Any = None,
        direct: Any = None,
        **more: Any,
    ) -> tuple[Any, Any]:
        """See ConfigManager.get_config_value_and_origin."""
        setting = None
        if cfile is None and not direct and not any(more.values()):
            setting = self._steady(config, plugin_type, plugin_name, keys, variables)
        if setting is None:
            answer: tuple[Any, Any]
            answer = self._work_out(config, cfile, plugin_type, plugin_name, keys, variables, direct, **more)
            return answer
        present = [self._config._config_file, *map(os.environ.get, setting.environment)]
        if setting.arguments:
            present += map(context.CLIARGS.get, setting.arguments)
        known = setting.known
        if not known or known[0] != present:
            value, origin = self._work_out(config, cfile, plugin_type, plugin_name, keys, variables, direct, **more)
            items = value if isinstance(value, list) else [value]
            if any(item.__class__ not in _SCALARS for item in items):
                return value, origin
            setting.known = known = present, value, origin
        value, origin = known[1:]
        return (shallow_copy(value) if isinstance(value, list) else value), origin

    def get_plugin_vars(self, plugin_type: str, name: str) -> list[str]:
        """See ConfigManager.get_plugin_vars."""
        return self._listed(self._list_variables, plugin_type, name)

    def get_plugin_options_from_var(self, plugin_type: str, name: str, variable: str) -> list[str]:
        """See ConfigManager.get_plugin_options_from_var."""
        return self._listed(self._list_options, plugin_type, name, variable)

    def _listed(self, work_out: Any, *key: str) -> list[str]:
        definitions = self._config.get_configuration_definitions(key[0], key[1])
        known = self._lists.get(key)
        if known is None or known[0] is not definitions:
            known = definitions, work_out(*key)
            if definitions:  # those of a plugin that is not loaded yet are an empty dict of nobody's
                self._lists[key] = known
        return list(known[1])

    def _steady(
        self, name: str, plugin_type: str | None, plugin_name: str | None, keys: Any, variables: Any
    ) -> _Setting | None:
        """Return a setting whose answer may be remembered, None when it has to be worked out."""
        definition = self._config.get_configuration_definitions(plugin_type, plugin_name).get(name)
        if not isinstance(definition, dict):
            return None
        key = (name, plugin_type, plugin_name)
        setting = self._settings.get(key)
        if setting is None or setting.definition is not definition:
            setting = self._settings[key] = _Setting(name, definition)
        if (
            not setting.steady
            or (setting.templated and variables is not None)
            or (variables and _sets_any(variables, setting.variables))
            or (keys and _sets_any(keys, setting.keywords))
        ):
            return None
        return setting


def _sets_any(given: Mapping[str, Any], names: tuple[str, ...]) -> bool:
    return any(given.get(name) is not None for name in names)
