# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A host that reboots within a play: ansible-core's `reboot` ends the session, and what follows has a new one.

What makes a reboot to the action is that connections end and that the host then tells another boot time; so that is
what the reboot command here does.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.integration.twin import both, inventory
from tests.lab import Lab

HOSTS = 2

REBOOT = """#!/bin/sh
# Tell another boot time, and end the session of sshd that this runs in.
echo $(($(cat "$1") + 1)) > "$1"
pid=$$
while read -r _ name _ < "/proc/$pid/stat"; do
    case $name in
        "(sshd"*) kill "$pid"; exit ;;
    esac
    # The name may have blanks in it.
    parent=$(sed 's/.*) . //; s/ .*//' "/proc/$pid/stat")
    [ "$parent" -gt 1 ] || exit 1
    pid=$parent
done
"""


def test_a_reboot_and_what_follows(lab: Lab, tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    program = tmp_path / "reboot"
    program.write_text(REBOOT)
    program.chmod(0o755)
    session: dict[str, Any] = {"ansible.builtin.shell": "echo $SSH_CONNECTION | cut -d' ' -f2", "changed_when": False}
    tasks: list[dict[str, Any]] = [
        {"name": "Boot time", "ansible.builtin.copy": {"content": "1\n", "dest": "{{ workdir }}/boot", "mode": "0644"}},
        {"name": "Before", **session, "register": "before", "no_log": True},
        {
            "name": "Reboot",
            "ansible.builtin.reboot": {
                "reboot_command": f"{program} {{{{ workdir }}}}/boot",
                "boot_time_command": "cat {{ workdir }}/boot",
                "reboot_timeout": 60,
            },
            "register": "rebooted",
        },
        {"name": "After", **session, "register": "after", "no_log": True},
        {
            "name": "Check",
            "ansible.builtin.assert": {"that": ["rebooted is changed", "after.stdout != before.stdout"]},
        },
        {"name": "Read", "ansible.builtin.command": "cat {{ workdir }}/boot", "changed_when": False},
        {"name": "Copy", "ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/after", "mode": "0600"}},
    ]
    play = {"name": "Reboot", "hosts": "all", "gather_facts": False, "tasks": tasks}

    pair = both(lab, [play], inventory(lab, HOSTS))

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native("reboot")
    assert {event["result"]["stdout"] for event in pair.ours.run.results(task="Read")} == {"2"}
