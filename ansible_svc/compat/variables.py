# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a task's variables together without working out again what cannot have changed.

For every host and task ansible-core asks the vars plugins for the same files again, and copies, cleans and renames all
facts of the host again: a third of what the main thread does for a small task, and most of it once facts are gathered.

``VariableManager.get_vars`` itself is ansible-core's, so precedence is too. It runs with other functions under a few of
the names that it calls (see ``with_names``). Each of these gives what ansible-core's gives: it calls that one the first
time, and later answers from memory as long as what decided the answer is the very same object, or never changes in a
process. Nobody has to tell the memory that a variable has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from operator import is_
from typing import Any

from ansible import constants as C
from ansible.inventory.helpers import get_group_vars
from ansible.plugins.loader import connection_loader, vars_loader
from ansible.utils.vars import combine_vars
from ansible.vars import manager as stock
from ansible.vars.clean import clean_facts, namespace_facts
from ansible.vars.manager import VariableManager
from ansible.vars.plugins import get_vars_from_inventory_sources, get_vars_from_path
from ansible.vars.reserved import _RESERVED_NAMES, warn_if_reserved

from ansible_svc.compat.core_plugins import core_plugin
from ansible_svc.compat.other_names import with_names

_INTERNAL = "_ansible_"

# In 2.21 this calls clean_facts, and says of each fact that its short name is deprecated.
_CLEAN = (
    "_clean_and_deprecate_top_level_facts" if hasattr(stock, "_clean_and_deprecate_top_level_facts") else "clean_facts"
)


class Variables(VariableManager):
    """ansible-core's VariableManager with a memory.

    Threads: any, as ansible-core's. The memory's dictionaries are read and written in single steps, and what is written
    was taken from objects that are compared again whenever it is read.
    """

    _svc_get_vars: Callable[..., dict[str, Any]]

    def get_vars(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the variables of a play, host and task; see VariableManager.get_vars."""
        return self._svc_get_vars(self, *args, **kwargs)


def remember_variables(manager: Any) -> None:
    """Give the queue manager's VariableManager a memory; calling it again changes nothing.

    The object stays the one that everybody has, so what is set through it, and asked of it by ``hostvars``, are one.
    A manager of a class that ansible-core does not know keeps its own ways.
    """
    if type(manager) is not VariableManager:
        return
    inventory = manager._inventory
    # One entry a host is what pays. Cache plugins that make new facts at each look-up would otherwise fill the memory.
    facts = _FactsMemory(lambda: len(inventory.hosts) + 1)
    files = _FilesMemory()
    sources = with_names(get_vars_from_inventory_sources, get_vars_from_path=files.get_vars, combine_vars=_combined)
    manager._svc_get_vars = with_names(
        VariableManager.get_vars,
        **{_CLEAN: facts.cleaned},
        namespace_facts=facts.namespaced,
        get_vars_from_path=files.get_vars,
        get_vars_from_inventory_sources=sources,
        get_group_vars=with_names(get_group_vars, combine_vars=_combined),
        combine_vars=_combined,
        warn_if_reserved=_warn_if_reserved,
    )
    manager.__class__ = Variables


def _combined(first: Any, second: Any, merge: bool | None = None) -> Any:
    """Combine two dictionaries; see ansible.utils.vars.combine_vars, which checks with abstract classes first."""
    if merge is None and C.DEFAULT_HASH_BEHAVIOUR != "merge" and isinstance(first, dict) and isinstance(second, dict):
        return first | second
    return combine_vars(first, second, merge)


def _warn_if_reserved(names: Iterable[str], additional: Iterable[str] | None = None) -> None:
    """Warn of reserved names; see ansible.vars.reserved.warn_if_reserved."""
    if additional is not None or not _RESERVED_NAMES.isdisjoint(names):
        warn_if_reserved(names, additional)


def _clean(facts: Any) -> Any:
    return clean_facts(facts) if _CLEAN == "clean_facts" else getattr(stock, _CLEAN)(facts)


class _FactsMemory:
    """What ansible-core makes of the facts of each host.

    An answer holds for a dictionary of facts as long as this has the same keys and, under each, the same object:
    ansible-core replaces facts, and never changes a fact's value in place. Values in an answer are shared by all who
    get it, as those of other variables are.

    Parameters:
        limit: how many dictionaries of facts to remember.
    """

    def __init__(self, limit: Callable[[], int]) -> None:
        self._limit = limit
        self._cleaned: dict[int, tuple[_Snapshot, list[str], dict[str, Any]]] = {}
        self._namespaced: dict[int, tuple[_Snapshot, dict[str, Any]]] = {}

    def cleaned(self, facts: Any) -> Any:
        """Return facts without what could override internal variables; see ansible.vars.manager, ``_CLEAN``.

        The names of connection plugins are part of the question. Answers that come with a warning are not remembered.
        """
        if not facts:
            return {}
        connections = list(connection_loader.all(path_only=True))
        known = self._cleaned.get(id(facts))
        if known is not None and known[0].of(facts) and known[1] == connections:
            return known[2]
        snapshot = _Snapshot(facts)
        answer = _clean(facts)
        if all(name.startswith(_INTERNAL) for name in facts.keys() - answer.keys()):
            self._remember(self._cleaned, id(facts), (snapshot, connections, answer))
        return answer

    def namespaced(self, facts: Any) -> Any:
        """Return what ``ansible_facts`` is; see ansible.vars.clean.namespace_facts."""
        known = self._namespaced.get(id(facts))
        if known is not None and known[0].of(facts):
            return {name: value.copy() for name, value in known[1].items()}
        snapshot = _Snapshot(facts)
        answer = namespace_facts(facts)
        if facts:
            self._remember(self._namespaced, id(facts), (snapshot, answer))
            return {name: value.copy() for name, value in answer.items()}
        return answer

    def _remember(self, memory: dict[int, Any], key: int, entry: Any) -> None:
        memory.pop(key, None)
        while len(memory) >= self._limit():
            memory.pop(next(iter(memory)), None)
        memory[key] = entry


class _Snapshot:
    """A dictionary and the objects that are in it at the moment. Holding them keeps their identities theirs."""

    __slots__ = ("_keys", "_mapping", "_values")

    def __init__(self, mapping: Any) -> None:
        self._mapping = mapping
        self._keys = list(mapping)
        self._values = list(mapping.values())

    def of(self, mapping: Any) -> bool:
        """Tell whether this is the same dictionary with the same objects in it."""
        return (
            mapping is self._mapping
            and len(mapping) == len(self._keys)
            and all(map(is_, mapping, self._keys))
            and all(map(is_, mapping.values(), self._values))
        )


class _FilesMemory:
    """What vars plugins say of hosts and groups in one place, when only ansible-core's ``host_group_vars`` is asked.

    That plugin looks for the files of a host or group once in a process, and the DataLoader reads each of them once, so
    its answer to the same question stays the same. Other vars plugins are asked each time.
    """

    def __init__(self) -> None:
        self._loader: Any = None
        self._plugins: Any = None
        self._known: dict[tuple[Any, ...], dict[str, Any]] = {}

    def get_vars(self, loader: Any, path: str, entities: list[Any], stage: str) -> dict[str, Any]:
        """Return the variables of entities; see ansible.vars.plugins.get_vars_from_path. Not to be changed."""
        if not self._applies(loader):
            answer: dict[str, Any] = get_vars_from_path(loader, path, entities, stage)
            return answer
        if len(entities) == 1:
            (entity,) = entities
            key: tuple[Any, ...] = (path, stage, entity.base_type, entity.name)
        else:
            key = (path, stage, *[(entity.base_type, entity.name) for entity in entities])
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = get_vars_from_path(loader, path, entities, stage) or _NONE
        return known

    def _applies(self, loader: Any) -> bool:
        plugins = vars_loader._plugin_instance_cache
        if vars_loader._paths is None or len(plugins) != 1 or C.DEFAULT_DEBUG:
            return False
        if plugins is not self._plugins or loader is not self._loader:
            ((plugin, _context),) = plugins.values()
            kind: Any = type(plugin)
            if core_plugin(kind) != "vars/host_group_vars":
                return False
            self._known = {}
            self._plugins, self._loader = plugins, loader
        return True


_NONE: dict[str, Any] = {}
