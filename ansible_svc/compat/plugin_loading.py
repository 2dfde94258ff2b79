# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let several threads look for plugins and load them, and look only once for each.

ansible-core's PluginLoader was written for one thread. It puts a module into sys.modules before it runs it, as Python's
own import does, but without Python's lock, so a second thread would see half a module. And it searches a folder only
once, so a thread that begins to look while another one searches finds neither the result nor anything to search.
``prepare_loaders`` puts one lock around the methods where that happens, on every loader object.

It also has the loaders remember what they found. For every task and host ansible-core asks about ten times where a
plugin is, and each answer means listing a folder: a seventh of the time of a ``debug`` task, measured. With what is
remembered the answers are the same (see ``_Memory``). Nothing else of ansible-core is changed at run time.
"""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Iterator
from typing import Any

from ansible.plugins import loader
from ansible.utils.display import Display

display = Display()

# Methods of PluginLoader and Jinja2Loader, 2.19 to 2.21.
_METHODS = (
    "_ensure_non_collection_wrappers",
    "_find_plugin_legacy",
    "_get_paths_with_context",
    "_load_module_source",
)

#: Held while a plugin is looked for or loaded, and while a module is built.
loading_lock = threading.RLock()


def prepare_loaders() -> None:
    """Prepare all plugin loaders for threads; calling it again changes nothing."""
    for _name, plugin_loader in loader.get_all_plugin_loaders():
        if "find_plugin_with_context" in vars(plugin_loader):
            continue
        for name in _METHODS:
            if hasattr(plugin_loader, name):
                setattr(plugin_loader, name, _guarded(getattr(plugin_loader, name)))
        memory = _Memory(plugin_loader)
        plugin_loader.find_plugin_with_context = memory.find_plugin_with_context
        plugin_loader.all = memory.all


def _guarded(method: Any) -> Any:
    @functools.wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with loading_lock:
            return method(*args, **kwargs)

    return guarded


class _Memory:
    """What one loader has found: where plugins are, and which files its folders hold.

    Only plain successes are remembered: a plugin that is not there yet may come, and one that is deprecated or had
    errors says so each time. Everything is forgotten when the loader gets another folder or drops its own caches. Lists
    of files hold as long as no folder of the loader changes. At -vv and above, where ansible-core tells how it looks,
    nothing is remembered.

    Threads: any. Two threads may look for the same at once, and find the same.
    """

    def __init__(self, plugin_loader: Any) -> None:
        self._loader = plugin_loader
        self._find = plugin_loader.find_plugin_with_context
        self._all = plugin_loader.all
        self._state: tuple[Any, int] = (None, 0)
        self._found: dict[tuple[Any, ...], Any] = {}
        self._listed: tuple[Any, list[str]] = (None, [])

    def find_plugin_with_context(
        self,
        name: str,
        mod_type: str = "",
        ignore_deprecated: bool = False,
        check_aliases: bool = False,
        collection_list: list[str] | None = None,
    ) -> Any:
        """See PluginLoader.find_plugin_with_context."""
        if display.verbosity >= 2:
            return self._find(name, mod_type, ignore_deprecated, check_aliases, collection_list)
        found = self._present()
        key = (name, mod_type, ignore_deprecated, check_aliases, tuple(collection_list or ()))
        answer = found.get(key)
        if answer is None:
            answer = self._find(name, mod_type, ignore_deprecated, check_aliases, collection_list)
            if answer.resolved and not (answer.deprecated or answer.raw_error_list):
                # a search may have dropped the loader's caches; what is stored in the old dict is then forgotten
                found[key] = answer
        return answer

    def all(self, *args: Any, **kwargs: Any) -> Iterator[Any]:
        """See PluginLoader.all; variable managers ask for the paths of all connection plugins for every task."""
        if kwargs != {"path_only": True} or args:
            return iter(self._all(*args, **kwargs))
        state = (self._key(), self._changed_at())
        known, paths = self._listed
        if known != state:
            paths = list(self._all(path_only=True))
            self._listed = state, paths
        return iter(paths)

    def _present(self) -> dict[tuple[Any, ...], Any]:
        state = self._key()
        if self._state[0] is not state[0] or self._state[1] != state[1]:
            self._found = {}
            self._state = state
        return self._found

    def _key(self) -> tuple[Any, int]:
        return self._loader._plugin_path_cache, len(self._loader._extra_dirs)

    def _changed_at(self) -> list[int | None]:
        changed: list[int | None] = []
        for folder in self._loader._get_paths():
            try:
                changed.append(os.stat(folder).st_mtime_ns)
            except OSError:
                changed.append(None)  # no files either
        return changed
