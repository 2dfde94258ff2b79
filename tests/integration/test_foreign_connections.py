# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc to leaving alone what it does not know: such a host runs as under linear, and the others run natively."""

from __future__ import annotations

from typing import Any

from tests.integration.twin import CANDIDATE, PLAYBOOKS, STOCK, both, inventory
from tests.lab import Lab

HOSTS = 3
PLUGINS = PLAYBOOKS / "modules" / "connection_plugins"

TASKS: list[dict[str, Any]] = [
    {"name": "Run", "ansible.builtin.command": "echo run", "changed_when": False},
    {"name": "Write", "ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/x", "mode": "0600"}},
    {"name": "Look", "ansible.builtin.stat": {"path": "{{ workdir }}/x"}, "register": "found"},
    {"name": "Ask", "ansible.builtin.assert": {"that": "found.stat.size == 1"}},
]


def test_a_connection_plugin_that_nobody_knows(lab: Lab) -> None:
    book = [{"hosts": "all", "gather_facts": False, "tasks": TASKS}]
    hosts = inventory(lab, HOSTS, {"host02": {"ansible_connection": "mine"}})
    pair = both(lab, book, hosts, connection_plugins=PLUGINS)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native("connection plugin mine")
    if CANDIDATE != STOCK:
        assert pair.ours.statistics is not None
        tasks, contexts = pair.ours.statistics["tasks"], pair.ours.statistics["contexts"]
        assert tasks["stock"] >= len(TASKS) - 1, tasks
        assert contexts == {"attempts": HOSTS - 1, "connected": HOSTS - 1, "lost": 0, "closed": 0}
