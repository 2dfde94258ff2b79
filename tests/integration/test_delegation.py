# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tasks of many hosts that are all done on one: they do not wait for each other."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import CANDIDATE, STOCK, inventory, run
from tests.lab import Lab
from tests.lab.wire import Wire

HOSTS = 50
# Ends well when as many have begun as there are hosts, which it waits for.
MEETING = (
    'touch "$0/$1"; tries=0;'
    f' until [ "$(ls "$0" | wc -l)" -ge {HOSTS} ];'
    ' do tries=$((tries+1)); [ "$tries" -lt 100 ] || exit 1; sleep 0.5; done'
)
# More than an agent's Pool has threads.
COPIES = 6
LARGE_BYTES = 8_000_000
ROUND_TRIP_S = 0.3


@pytest.mark.parametrize("where", ["localhost", "host01"])
def test_as_many_at_a_time_as_forks(lab: Lab, where: str) -> None:
    task = {
        "ansible.builtin.command": {"argv": ["sh", "-c", MEETING, "{{ shared_dir }}", "{{ inventory_hostname }}"]},
        "delegate_to": where,
    }
    book = [{"hosts": "all", "gather_facts": False, "tasks": [task]}]
    outcome = run(lab, CANDIDATE, book, inventory(lab, HOSTS), forks=HOSTS, timeout_s=170)
    assert outcome.run.rc == 0, outcome.run
    assert len(outcome.run.results()) == HOSTS


@pytest.mark.skipif(CANDIDATE == STOCK, reason="stock needs many round trips for a command")
def test_large_files_on_their_way_hold_nothing_up(lab: Lab, tmp_path: Path) -> None:
    """On a slow line commands, one after the other, are done long before any of the files that were sent with them."""
    source = tmp_path / "large.bin"
    source.write_bytes(os.urandom(LARGE_BYTES))
    copy: dict[str, Any] = {
        "name": "Copy",
        "ansible.builtin.copy": {"src": str(source), "dest": "{{ workdir }}/large"},
        "when": "inventory_hostname != 'host01'",
    }
    command: dict[str, Any] = {"name": "Command", "ansible.builtin.command": "true", "loop": [1, 2, 3, 4, 5]}
    for task in (copy, command):
        task["delegate_to"] = "host01"
    # By then everybody knows the host.
    ping = {"name": "Ping", "ansible.builtin.ping": {}, "delegate_to": "host01"}
    with Wire(lab, COPIES + 1, ROUND_TRIP_S) as wire:
        book = [{"hosts": "all", "gather_facts": False, "strategy": "svc_free", "tasks": [ping, copy, command]}]
        outcome = run(lab, CANDIDATE, book, wire.inventory, forks=COPIES + 1)
    assert outcome.run.rc == 0, outcome.run
    ended = [(event["task"], event["host"]) for event in outcome.run.results()]
    copied = [place for place, (task, host) in enumerate(ended) if task == "Copy" and host != "host01"]
    assert len(copied) == COPIES
    assert ended.index(("Command", "host01")) < copied[0], ended
