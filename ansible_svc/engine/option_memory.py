# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Work out a plugin's options once for equal inputs.

For every task and host ansible-core works out some forty options of a connection plugin from variables, keywords, the
command line, environment and ansible.cfg: a tenth of the time of a small task, measured. The last three stay what they
are during a run; the others make the key here, so what is remembered is what would be worked out again.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from ansible import constants as C

from ansible_svc.compat.copying import shallow_copy
from ansible_svc.compat.core_plugins import core_plugin

_SIMPLE = (str, int, float, bool, type(None))
# Of others nobody knows what else they do when their options are set.
_PLUGINS = ("shell/sh", "become/sudo")
# Options that differ from host to host make an entry of about 3 KB each.
_ENTRIES = 4096

_known: dict[tuple[Any, ...], tuple[dict[str, Any], dict[str, Any]]] = {}


def set_options(
    plugin: Any,
    work_out: Callable[..., None],
    task_keys: dict[str, Any] | None,
    var_options: dict[str, Any] | None,
    direct: dict[str, Any] | None,
) -> None:
    """Set a plugin's options, as ``work_out`` would.

    Parameters:
        plugin: an AnsiblePlugin.
        work_out: its class's set_options, called when the options are not known yet.
        task_keys, var_options, direct: the arguments of AnsiblePlugin.set_options.

    Options of a kind that the plugin might change in place are worked out every time.

    Threads: any.
    """
    key = _key(plugin, task_keys or {}, var_options or {}, direct or {})
    known = _known.get(key)
    if known is not None:
        options, origins = known
        plugin._options, plugin._origins = _copied(options), dict(origins)
        return
    work_out(task_keys=task_keys, var_options=var_options, direct=direct)
    if key and all(map(_is_copied, plugin._options.values())):
        if len(_known) >= _ENTRIES:
            _known.clear()
        _known[key] = _copied(plugin._options), dict(plugin._origins)


def remember_options(plugin: Any) -> None:
    """Have one plugin object of ansible-core's, a shell or become plugin, set its options so."""
    if plugin is not None and "set_options" not in vars(plugin) and core_plugin(plugin.__class__) in _PLUGINS:
        work_out = plugin.set_options
        plugin.set_options = lambda task_keys=None, var_options=None, direct=None: set_options(
            plugin, work_out, task_keys, var_options, direct
        )


def _copied(options: dict[str, Any]) -> dict[str, Any]:
    """Return options that may be changed in place, lists included."""
    return {name: shallow_copy(value) if isinstance(value, list) else value for name, value in options.items()}


def _is_copied(value: Any) -> bool:
    return isinstance(value, _SIMPLE) or (isinstance(value, list) and all(isinstance(item, _SIMPLE) for item in value))


def _key(plugin: Any, task_keys: dict[str, Any], variables: dict[str, Any], direct: dict[str, Any]) -> tuple[Any, ...]:
    """Return all that decides a plugin's options, () when it is not made of simple values only."""
    kind, name = plugin.plugin_type, plugin._load_name
    given: list[Any] = [kind, name]
    keywords = {key: task_keys[key] for key in _keywords(kind, name) if key in task_keys}
    for source in (keywords, variables, direct):
        given.append(len(source))
        for key, value in source.items():
            if key == "_extras" and not value:
                continue
            if not isinstance(value, _SIMPLE):
                return ()
            given += (key, value.__class__, value)
    return tuple(given)


@functools.cache
def _keywords(kind: str, name: str) -> tuple[str, ...]:
    """Return the keywords of a play or task that may set an option (ConfigManager.get_config_value_and_origin)."""
    words: dict[str, None] = {}
    for option, definition in C.config.get_configuration_definitions(plugin_type=kind, name=name).items():
        aliases = definition.get("aliases") or []
        explicit = [entry["name"] for entry in definition.get("keyword") or []]
        words.update(dict.fromkeys([option, *aliases, *explicit]))
    return tuple(words)
