# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at one managed host, for ``ansible-svc doctor``; changes nothing there."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any

from ansible.plugins.action import ActionBase

from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.engine.connections import NativeConnection

_ROUND_TRIPS = 5


class ActionModule(ActionBase):
    """Returns ``looked``: connection, round_trip_s, python, version, user_id, sudo, cache (target.cache.Cache.show)."""

    def run(self, tmp: Any = None, task_vars: Any = None) -> dict[str, Any]:
        """Look through the connection that any other task of this host would have."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        connection = self._connection
        if isinstance(connection, NativeConnection) and connection.svc_is_native():
            result["looked"] = _native(connection)
        else:
            result["looked"] = {
                "connection": "stock",
                "round_trip_s": _median(lambda: self._low_level_execute_command("echo", sudoable=False)),
            }
        return result


def _native(connection: NativeConnection) -> dict[str, Any]:
    access = connection.svc_access
    place = connection.svc_place(become=False)

    def run(*argv: str) -> Any:
        return access.exec_command(place, argv, b"", None, False)

    with as_ansible(connection):
        facts = access.facts(place)
        round_trip_s = _median(lambda: access.prepare(place, []))
        sudo = run("sudo", "-n", "true") if facts["uid"] else None
        cache = access.cache(place, clear=False)
    return {
        "connection": "native",
        "round_trip_s": round_trip_s,
        "python": facts["python"],
        "version": ".".join(map(str, facts["version"])),
        "user_id": facts["uid"],
        "sudo": "not needed" if sudo is None else _sudo(sudo.rc, sudo.err.decode(errors="replace")),
        "cache": cache,
    }


def _median(ask: Callable[[], object]) -> float:
    took = []
    for _ in range(_ROUND_TRIPS):
        begun = time.monotonic()
        ask()
        took.append(time.monotonic() - begun)
    return statistics.median(took)


def _sudo(rc: int, error: str) -> str:
    """Return what ``sudo -n true`` says; sudo has no exit codes of its own."""
    if rc == 0:
        return "without password"
    if rc == 127:
        return "not installed"
    if "password is required" in error:
        return "asks for a password"
    return "refused"
