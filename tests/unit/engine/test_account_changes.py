# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which module calls change an account, and which of them the user must not be logged in for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ansible_svc.engine.account_changes import AccountChange, account_change
from ansible_svc.engine.calls import ModuleCall
from ansible_svc.services.modules import Bundle


def call(arguments: dict[str, Any], module: str = "user") -> ModuleCall:
    bundle = Bundle(name="x", fqn=f"ansible.modules.{module}", profile="legacy", shebang=(), files=())
    text = json.dumps({"ANSIBLE_MODULE_ARGS": arguments}).encode()
    return ModuleCall(bundle, "path", module, "/usr/bin/python3", text, {}, 0, None)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"name": "me", "state": "absent"}, AccountChange("me", True)),
        ({"user": "me", "state": "absent"}, AccountChange("me", True)),
        ({"name": "me", "uid": 7}, AccountChange("me", True)),
        ({"name": "me", "home": "/x", "move_home": True}, AccountChange("me", True)),
        ({"name": "me", "groups": ["a"]}, AccountChange("me", False)),
        ({"name": "me", "state": "absent", "_ansible_check_mode": True}, None),
        ({"state": "absent"}, None),
    ],
)
def test_the_user_module(arguments: dict[str, Any], expected: AccountChange | None) -> None:
    assert account_change(call(arguments)) == expected


def test_another_module() -> None:
    assert account_change(call({"name": "me", "state": "absent"}, "group")) is None
