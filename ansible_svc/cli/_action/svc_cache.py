# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Show or clear the cache directory on one managed host, for ``ansible-svc cache``."""

from __future__ import annotations

from typing import Any

from ansible.plugins.action import ActionBase

from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.engine.connections import NativeConnection


class ActionModule(ActionBase):
    """Takes ``clear``; returns ``looked``: what target.cache.Cache.show or clear does, and ``user_id``."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Ask the agent of the user that tasks of this host run as."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        connection = self._connection
        if not (isinstance(connection, NativeConnection) and connection.svc_is_native()):
            result["looked"] = {"directory": None, "files": 0, "size_bytes": 0, "limit_bytes": 0, "user_id": None}
            return result
        place = connection.svc_place(become=connection.become is not None)
        with as_ansible(connection):
            seen = connection.svc_access.cache(place, bool(self._task.args.get("clear")))
            user_id = connection.svc_access.facts(place)["uid"]
        result["looked"] = {**seen, "user_id": user_id}
        return result
