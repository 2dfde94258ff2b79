# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to linear's results with more hosts than can be connected at a time."""

from __future__ import annotations

from typing import Any

import pytest

from tests.integration.twin import CANDIDATE, STOCK, Outcome, both, inventory, run
from tests.lab import Lab
from tests.lab.playbook import executable

HOSTS = 8
FORKS = 3

# Each task leaves something for a later one: on the host, in a job, or as somebody else.
TASKS: list[dict[str, Any]] = [
    {
        "name": "Begin a job",
        # Not whole seconds: ansible-core's run_command looks once a second, and may miss what is said just then.
        "ansible.builtin.command": "sh -c 'sleep 1.5; echo done'",
        "async": 60,
        "poll": 0,
        "register": "job",
    },
    {"name": "Write", "ansible.builtin.copy": {"content": "{{ inventory_hostname }}\n", "dest": "{{ workdir }}/x"}},
    {"name": "Become", "ansible.builtin.command": "id -un", "become": True, "changed_when": False},
    {"name": "Change", "ansible.builtin.lineinfile": {"path": "{{ workdir }}/x", "line": "more"}},
    {"name": "Read", "ansible.builtin.slurp": {"src": "{{ workdir }}/x"}, "register": "read"},
    {"name": "Ask", "ansible.builtin.assert": {"that": "read.content | b64decode == inventory_hostname ~ '\nmore\n'"}},
    {
        "name": "Await the job",
        "ansible.builtin.async_status": {"jid": "{{ job.ansible_job_id }}"},
        "register": "ended",
        "until": "ended is finished",
        "retries": 300,
        "delay": 0.1,
    },
]
BOOK = [{"hosts": "all", "gather_facts": False, "vars": {"ansible_async_dir": "{{ workdir }}/jobs"}, "tasks": TASKS}]


def test_hosts_are_disconnected_to_make_room_for_others(lab: Lab) -> None:
    pair = both(lab, BOOK, inventory(lab, HOSTS), forks=FORKS, sections={"svc": {"connections": 2}})

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    if CANDIDATE != STOCK:
        contexts = _contexts(pair.ours)
        assert contexts["closed"] > HOSTS, contexts
        assert contexts["lost"] == 0, contexts
        # A task's host stays, and a login with somebody it has become counts once here, and twice there.
        assert contexts["connected"] <= 2 * FORKS, contexts
        assert pair.ours.statistics is not None
        assert pair.ours.statistics["held"]["contexts"] <= 2 * FORKS, pair.ours.statistics
        assert lab.processes() == [], "an agent outlived its connection"


@pytest.mark.skipif(CANDIDATE == STOCK, reason="linear does not keep its connections")
@pytest.mark.parametrize("limits", ["-S -n 110", "-n 110"], ids=["that can be raised", "that is the last word"])
def test_more_hosts_than_open_files(lab: Lab, limits: str) -> None:
    """110 are enough for ansible-core and its workers, and for an agent, but not for connections to 32 hosts."""
    look = {"ansible.builtin.shell": "ulimit -S -n", "changed_when": False, "register": "limit"}
    tasks = [
        {"name": "Reach all", "ansible.builtin.ping": None},
        {"name": "Look at the controller's limit", **look, "delegate_to": "localhost", "run_once": True},
        {"name": "Ask", "ansible.builtin.assert": {"that": "limit.stdout == '110'"}, "run_once": True},
    ]
    book = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    limited = ("/bin/sh", "-c", f'ulimit {limits}; exec "$@"', "sh", *executable())

    outcome = run(lab, CANDIDATE, book, inventory(lab, 32), forks=FORKS, command=limited)
    assert outcome.run.rc == 0, outcome.run
    contexts = _contexts(outcome)
    assert contexts["lost"] == 0, contexts
    assert (contexts["closed"] == 0) == limits.startswith("-S"), contexts


def _contexts(outcome: Outcome) -> dict[str, int]:
    assert outcome.statistics is not None, outcome.run
    found: dict[str, int] = outcome.statistics["contexts"]
    return found
