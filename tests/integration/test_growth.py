# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold a long run to what a short one holds: threads, descriptors, contexts, receivers, on both sides.

Two runs differ only in how many tasks they have. At the end both must hold the same: what the strategy's statistics
say of the controller, and what every process from the module up to the login has on the hosts. The gate's sizes are
small; `SVC_GROWTH_HOSTS=50 SVC_GROWTH_TASKS=200 pytest tests/integration/test_growth.py` is the long one.
"""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import CANDIDATE, STOCK, Outcome, inventory, run
from tests.lab import Lab

HOSTS = int(os.environ.get("SVC_GROWTH_HOSTS", "6"))
TASKS = int(os.environ.get("SVC_GROWTH_TASKS", "32"))
FEW = 8
TIME_LIMIT_S = 60 + HOSTS * TASKS // 5

# The processes above a module, each with its descriptors and threads: runner, zygote, agent.
ANCESTORS = """
import json, os, pathlib
found, pid = [], os.getppid()
while len(found) < 3:
    proc = pathlib.Path("/proc", str(pid))
    found.append([len(list((proc / "fd").iterdir())), len(list((proc / "task").iterdir()))])
    pid = int((proc / "stat").read_text().rpartition(")")[2].split()[1])
print(json.dumps(found))
"""

# What a task may leave behind: temporary directories, files sent and fetched, other users, workers, time limits, jobs.
KINDS: list[dict[str, Any]] = [
    {"ansible.builtin.command": "echo {{ item }}", "loop": [1, 2], "changed_when": False},
    {"ansible.builtin.copy": {"content": "{{ number }} {{ 'x' * 9999 }}", "dest": "{{ workdir }}/c", "mode": "0600"}},
    {"ansible.builtin.slurp": {"src": "{{ workdir }}/c"}},
    {"ansible.builtin.shell": "exit 1", "timeout": 30, "ignore_errors": True},
    {"ansible.builtin.fetch": {"src": "{{ workdir }}/c", "dest": "{{ shared_dir }}/f"}},
    {"ansible.builtin.raw": "true", "changed_when": False},
    {"ansible.builtin.debug": {"msg": "{{ lookup('pipe', 'echo 1') }}"}},
    {"ansible.builtin.stat": {"path": "/"}, "delegate_to": "localhost", "run_once": True},
]


def _run(lab: Lab, tasks: int, path: Path) -> Outcome:
    body = [
        {**KINDS[number % len(KINDS)], "name": f"Task {number}", "vars": {"number": number}} for number in range(tasks)
    ]
    last = {"name": "Look", "ansible.builtin.command": {"argv": ["/usr/bin/python3", "-c", ANCESTORS]}}
    path.write_text(json.dumps([{"hosts": "lab", "gather_facts": False, "tasks": [*body, last]}]))
    outcome = run(lab, CANDIDATE, path, inventory(lab, HOSTS), timeout_s=TIME_LIMIT_S, forks=max(HOSTS, 10))
    assert outcome.run.rc == 0, outcome.run
    return outcome


@pytest.mark.timeout(2 * TIME_LIMIT_S + 60)
def test_a_long_run_holds_no_more_than_a_short_one(lab: Lab, tmp_path: Path) -> None:
    if CANDIDATE == STOCK:
        pytest.skip("linear has no statistics")
    few, many = (_run(lab, tasks, tmp_path / "book.yml") for tasks in (FEW, TASKS))

    assert few.statistics is not None
    assert many.statistics is not None
    held = [outcome.statistics["held"] for outcome in (few, many)]  # type: ignore[index]
    print(f"{HOSTS} hosts, {FEW} and {TASKS} tasks: {held}")
    # There are as many task threads as were ever needed at once, which is a matter of luck.
    spare = [outcome.statistics["threads"] for outcome in (few, many)]  # type: ignore[index]
    for one, threads in zip(held, spare, strict=True):
        assert threads <= max(HOSTS, 10)
        one["threads"] -= threads
    assert held[0] == held[1]
    assert many.statistics["contexts"]["connected"] == few.statistics["contexts"]["connected"] == HOSTS + 1
    assert _on_hosts(few) == _on_hosts(many)


def _on_hosts(outcome: Outcome) -> Counter[str]:
    """Count the hosts by what the processes on them hold."""
    counted = Counter(event["result"]["stdout"] for event in outcome.run.results(task="Look"))
    print(counted)
    return counted
