# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ansible-core's own plugins are recognised under every name."""

from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest
from ansible.plugins import loader

from ansible_svc.compat.core_plugins import core_plugin
from tests.unit.ansible_setup import set_up


@pytest.fixture(autouse=True, scope="module")
def _ansible() -> None:
    set_up()


@pytest.mark.parametrize("name", ["copy", "ansible.builtin.copy", "ansible.legacy.copy"])
def test_under_every_name(name: str) -> None:
    assert core_plugin(loader.action_loader.get(name, class_only=True)) == "action/copy"


def test_kinds_are_told_apart() -> None:
    assert core_plugin(loader.connection_loader.get("ssh", class_only=True)) == "connection/ssh"
    assert core_plugin(loader.become_loader.get("ansible.builtin.sudo", class_only=True)) == "become/sudo"


def test_others_are_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also when their names are ansible-core's."""
    module = ModuleType("ansible.plugins.action.copied")
    module.__file__ = str(tmp_path / "ansible" / "plugins" / "action" / "copy.py")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    theirs = type("ActionModule", (), {"__module__": module.__name__})
    assert core_plugin(theirs) is None
    assert core_plugin(type("Loose", (), {"__module__": "no.such.module"})) is None
    assert core_plugin(object) is None
