# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have a task go from its thread to a forked worker when it turns out to need one.

Which lookup plugins a task uses is known only when its templates are rendered. ansible-core's own keep to themselves.
Of others nobody knows whether they change the working directory or the environment, set signal handlers or start an
event loop, which a forked worker of ansible-core's would allow them. So a task that asks for one leaves its thread,
while nothing of it has happened yet, and starts anew in a forked worker.
"""

from __future__ import annotations

import functools
from collections.abc import Collection
from typing import Any

from ansible.plugins import loader

from ansible_svc.compat.core_plugins import core_plugin
from ansible_svc.engine.running import current_run


class LeaveThread(BaseException):
    """This task is to start anew in a forked worker; the text says why.

    No Exception: neither templates nor plugins may take it for a failure of theirs.
    """


def watch_lookups(threaded: Collection[str]) -> None:
    """Have lookups that ansible-core does not ship ask whether they may run on the present thread.

    Parameters:
        threaded: names of lookups that may, as in templates or fully qualified.
    """
    lookups = loader.lookup_loader
    get = getattr(lookups.get, "__wrapped__", lookups.get)

    @functools.wraps(get)
    def watched(name: str, *args: Any, **kwargs: Any) -> Any:
        plugin = get(name, *args, **kwargs)
        kind: Any = type(plugin)
        if plugin is not None and current_run().may_leave and core_plugin(kind) is None:
            names = {name, plugin._load_name, getattr(plugin, "ansible_name", name)}
            if names.isdisjoint(threaded):
                raise LeaveThread(f"lookup plugin {name} is not known to be safe on threads")
        return plugin

    lookups.get = watched
