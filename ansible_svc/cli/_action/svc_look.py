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
from ansible_svc.engine.runtime import runtime

_ROUND_TRIPS = 5
_CACHE = 'd=$1; case $d in "~/"*) d=$HOME/${d#"~/"};; esac; [ -d "$d" ] && ls -ld "$d" && du -sk "$d"'


class ActionModule(ActionBase):
    """Returns ``looked``: connection, round_trip_s, python, version, user_id, sudo, cache."""

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
        directory = runtime().contexts.cache.directory
        cache = run("/bin/sh", "-c", _CACHE, "sh", directory) if directory else None
    return {
        "connection": "native",
        "round_trip_s": round_trip_s,
        "python": facts["python"],
        "version": ".".join(map(str, facts["version"])),
        "user_id": facts["uid"],
        "sudo": "not needed" if sudo is None else _sudo(sudo.rc, sudo.err.decode(errors="replace")),
        "cache": "switched off" if cache is None else _cache(directory, cache.rc, cache.out.decode(errors="replace")),
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


def _cache(directory: str | None, rc: int, text: str) -> str:
    if rc:
        return f"{directory}: not there yet"
    listed, _, used = text.partition("\n")
    mode = listed.split()[0]
    trusted = "" if mode.startswith("drwx------") else f", open to others ({mode})"
    return f"{directory}: {used.split()[0]} KB{trusted}"
