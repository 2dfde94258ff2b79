# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let several threads look for plugins and load them.

ansible-core's PluginLoader was written for one thread. It puts a module into sys.modules before it runs it, as Python's
own import does, but without Python's lock, so a second thread would see half a module. And it searches a folder only
once, so a thread that begins to look while another one searches finds neither the result nor anything to search.
``serialise`` puts one lock around the methods where that happens, on every loader object. Nothing else of
ansible-core is changed at run time, and with one thread the change has no effect.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from ansible.plugins import loader

# Methods of PluginLoader and Jinja2Loader, 2.19 to 2.21.
_METHODS = (
    "_ensure_non_collection_wrappers",
    "_find_plugin_legacy",
    "_get_paths_with_context",
    "_load_module_source",
)

#: Held while a plugin is looked for or loaded.
loading_lock = threading.RLock()


def serialise() -> None:
    """Guard all plugin loaders; calling it again changes nothing."""
    for _name, plugin_loader in loader.get_all_plugin_loaders():
        for name in _METHODS:
            if hasattr(plugin_loader, name) and name not in vars(plugin_loader):
                setattr(plugin_loader, name, _guarded(getattr(plugin_loader, name)))


def _guarded(method: Any) -> Any:
    @functools.wraps(method)
    def guarded(*args: Any, **kwargs: Any) -> Any:
        with loading_lock:
            return method(*args, **kwargs)

    return guarded
