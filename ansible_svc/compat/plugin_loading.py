# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let several threads load plugins.

ansible-core's PluginLoader puts a module into sys.modules before it runs it, as Python's own import does, but without
Python's lock: a second thread would see half a module. ``serialise`` puts one lock around that one method
(PluginLoader._load_module_source, 2.19 to 2.21) of every loader object. Nothing else of ansible-core is changed at run
time, and with one thread the change has no effect.
"""

from __future__ import annotations

import functools
import threading
from typing import Any

from ansible.plugins import loader

#: Held while a plugin is loaded.
loading_lock = threading.RLock()


def serialise() -> None:
    """Guard module loading of all plugin loaders; calling it again changes nothing."""
    for _name, plugin_loader in loader.get_all_plugin_loaders():
        if "_load_module_source" not in vars(plugin_loader):
            plugin_loader._load_module_source = _guarded(plugin_loader._load_module_source)


def _guarded(load: Any) -> Any:
    @functools.wraps(load)
    def load_module_source(*args: Any, **kwargs: Any) -> Any:
        with loading_lock:
            return load(*args, **kwargs)

    return load_module_source
