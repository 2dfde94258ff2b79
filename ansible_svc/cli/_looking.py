# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Look at the managed hosts of an inventory, all at once, by a play of one action under svc_free."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ansible.executor.task_queue_manager import TaskQueueManager
from ansible.playbook.play import Play
from ansible.plugins.loader import action_loader, callback_loader, strategy_loader

from ansible_svc.cli.path import plugin_path
from ansible_svc.compat.command_line import Session

_FOLDER = Path(__file__).parent
_ACTION, _CALLBACK = "svc_look", "svc_collect"


def look_at_hosts(
    session: Session, action: str = _ACTION, arguments: dict[str, Any] | None = None, pattern: str = "all"
) -> dict[str, dict[str, Any]]:
    """Return, for every host that a session is limited to, ``status`` and either ``message`` or what was seen.

    Parameters:
        session: the inventory, and how to connect.
        action: one of those in _action; its result has in ``looked`` what was seen.
        arguments: the action's.
        pattern: of hosts, if not all are meant.
    """
    strategy_loader.add_directory(str(plugin_path("strategy")))
    action_loader.add_directory(str(_FOLDER / "_action"))
    callback_loader.add_directory(str(_FOLDER / "_callback"))
    # The action may run on a thread: it is ours.
    configured = os.environ.get("ANSIBLE_SVC_THREAD_ACTIONS", "")
    os.environ["ANSIBLE_SVC_THREAD_ACTIONS"] = ",".join(filter(None, (configured, action)))
    play = Play().load(
        {
            "name": "ansible-svc",
            "hosts": pattern,
            "gather_facts": False,
            "strategy": "svc_free",
            "tasks": [{"name": "Look at the host", action: arguments or {}}],
        },
        variable_manager=session.variables,
        loader=session.loader,
    )
    queue = TaskQueueManager(
        session.inventory,
        session.variables,
        session.loader,
        session.passwords,
        _CALLBACK,
        run_additional_callbacks=False,
        forks=session.forks,
    )
    try:
        queue.load_callbacks()
        queue.run(play)
    finally:
        queue.cleanup()
        session.loader.cleanup_all_tmp_files()
    found = callback_loader.get(_CALLBACK, class_only=True).collected
    return {host: _seen(*found[host]) for host in sorted(found)}


def _seen(status: str, result: dict[str, Any]) -> dict[str, Any]:
    if status == "ok":
        return {"status": status, **result["looked"]}
    return {"status": status, "message": str(result.get("msg", "")).strip()}
