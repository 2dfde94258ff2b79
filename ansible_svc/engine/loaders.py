# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The plugin loaders that a task's executor and action plugins are given.

They are ansible-core's, except that action and connection plugins come out of them able to use the Pool.
"""

from __future__ import annotations

from typing import Any

from ansible.plugins import loader as stock

from ansible_svc.engine import connections
from ansible_svc.engine.access import Access
from ansible_svc.engine.adoption import adopt


class _ActionLoader:
    """ansible-core's action loader; ``get`` adopts what it loads."""

    def __init__(self, loaders: Loaders) -> None:
        self._loaders = loaders

    def get(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Load an action plugin; see ansible.plugins.loader.PluginLoader.get."""
        plugin = stock.action_loader.get(name, *args, **kwargs)
        if plugin is None or kwargs.get("class_only"):
            return plugin
        return adopt(plugin, self._loaders.access, self._loaders)

    def __getattr__(self, name: str) -> Any:
        return getattr(stock.action_loader, name)


class _ConnectionLoader:
    """ansible-core's connection loader; ``get`` and ``get_with_context`` adopt what they load."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def get(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Load a connection plugin; see ansible.plugins.loader.PluginLoader.get."""
        plugin = stock.connection_loader.get(name, *args, **kwargs)
        return plugin if kwargs.get("class_only") else connections.adopt(plugin, self._access)

    def get_with_context(self, name: str, *args: Any, **kwargs: Any) -> Any:
        """Load a connection plugin; see ansible.plugins.loader.PluginLoader.get_with_context."""
        if kwargs.get("class_only"):
            return stock.connection_loader.get_with_context(name, *args, **kwargs)
        result = stock.connection_loader.get_with_context(name, class_only=True)
        native = connections.make(result.object, self._access, *args, **kwargs)
        if native is not None:
            return result._replace(object=native)
        return stock.connection_loader.get_with_context(name, *args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        return getattr(stock.connection_loader, name)


class Loaders:
    """Stands for the module ansible.plugins.loader.

    Parameters:
        access: what adopted plugins work through: an Access, or a ForkedAccess in a forked worker.

    Threads: any; plugin loading itself is serialised by compat.plugin_loading.
    """

    def __init__(self, access: Access) -> None:
        self.access = access
        self.action_loader = _ActionLoader(self)
        self.connection_loader = _ConnectionLoader(access)

    def __getattr__(self, name: str) -> Any:
        return getattr(stock, name)
