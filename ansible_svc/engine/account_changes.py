# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ansible-core's user module does to users as whom svc is logged in.

Under ansible-core a become user has processes on the host only while a task runs as that user, and each task finds the
groups that the user has by then. svc keeps become users logged in. So before a run of the user module that userdel or
usermod would refuse because of those processes, the user is logged out; and after one that changed something, so that
the next task as that user starts with the new groups, home and limits.
"""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from ansible_svc.engine.calls import ModuleCall

_MODULE = "ansible.modules.user"
# usermod refuses these while the user has a process (usermod(8), CAVEATS).
_NEED_NO_PROCESS = ("uid", "move_home")


class AccountChange(NamedTuple):
    """A run of the user module.

    Attributes:
        user: whose account it changes.
        needs_no_process: whether the user must not be logged in meanwhile.
    """

    user: str
    needs_no_process: bool


def account_change(call: ModuleCall) -> AccountChange | None:
    """Return what a module call does to an account; None for other modules, and for runs that only look."""
    if call.bundle.fqn != _MODULE:
        return None
    arguments: dict[str, Any] = json.loads(call.arguments)["ANSIBLE_MODULE_ARGS"]
    user = arguments.get("name", arguments.get("user"))
    if not isinstance(user, str) or arguments.get("_ansible_check_mode"):
        return None
    gone = arguments.get("state") == "absent"
    return AccountChange(user, gone or any(arguments.get(name) for name in _NEED_NO_PROCESS))
