# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Lay our classes over action plugin objects."""

from __future__ import annotations

import functools
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_svc.compat.checksums import ask_first
from ansible_svc.compat.core_plugins import core_plugin
from ansible_svc.engine.access import Access
from ansible_svc.engine.actions import NativeAction
from ansible_svc.engine.connections import laid_over
from ansible_svc.engine.copying import NativeCopy


@functools.cache
def _native_class(stock: Any) -> type[Any]:
    ours = NativeAction
    if core_plugin(stock) == "action/copy":
        ours = NativeCopy
        ask_first(stock)
    return type(stock.__name__, (ours, stock), {"__module__": stock.__module__})


def adopt(action: Any, access: Access, loaders: Any) -> Any:
    """Return an action plugin object that works through the Pool.

    Parameters:
        action: the stock object; anything that is not an ActionBase is returned as it is.
        access: the task's access to the Pool.
        loaders: what the plugin is to load other plugins with.
    """
    if not isinstance(action, ActionBase) or isinstance(action, NativeAction):
        return action
    native = laid_over(action, _native_class(action.__class__), access)
    native._shared_loader_obj = loaders
    return native
