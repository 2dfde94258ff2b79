# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold one host's trouble to that host: it fails as under linear, and the others finish."""

from __future__ import annotations

import collections
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import BOTH, CANDIDATE, Outcome, Pair, both, inventory, run
from tests.lab import Lab, processes

HOSTS = 10
NAMES = [f"host{number:02d}" for number in range(1, HOSTS + 1)]
LIMIT_S = 100


def test_a_host_that_nobody_answers_for(lab: Lab) -> None:
    hosts = inventory(lab, HOSTS, {"host03": {"ansible_port": 1}})
    pair = both(lab, _three_commands(), hosts, timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    _assert_ends(pair, {"host03": "runner_unreachable"})
    pair.assert_native()


def test_a_host_whose_user_may_not_log_in(lab: Lab) -> None:
    hosts = inventory(lab, HOSTS, {"host03": {"ansible_user": "nobody-of-that-name"}})
    pair = both(lab, _three_commands(), hosts, timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    _assert_ends(pair, {"host03": "runner_unreachable"})
    pair.assert_native()


def test_a_host_without_the_right_to_sudo(lab: Lab) -> None:
    _needs_accounts(lab)
    hosts = inventory(lab, HOSTS, {"host03": {"ansible_user": "svclab3"}})
    pair = both(lab, _three_commands(become=True), hosts, timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    _assert_ends(pair, {"host03": _end(pair.stock, "host03")})
    assert _end(pair.stock, "host03") in ("runner_failed", "runner_unreachable")
    pair.assert_native()


def test_a_host_without_the_interpreter(lab: Lab) -> None:
    hosts = inventory(lab, HOSTS, {"host03": {"ansible_python_interpreter": "/no/such/python"}})
    pair = both(lab, _three_commands(), hosts, timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    _assert_ends(pair, {"host03": "runner_failed"})


@pytest.mark.parametrize("strategy", BOTH)
def test_a_connection_that_is_cut_in_the_middle_of_a_task(lab: Lab, strategy: str) -> None:
    hosts = inventory(lab, HOSTS, {"host03": {"seconds": 301}, "host07": {"seconds": 302}}, seconds=0)
    tasks = [
        {"name": "Before", "ansible.builtin.command": "echo before", "changed_when": False},
        {"name": "Cut", "ansible.builtin.command": "sleep {{ seconds }}", "changed_when": False},
        {"name": "After", "ansible.builtin.command": "echo after", "changed_when": False},
    ]

    outcome, orphans = _run_and_cut(lab, strategy, _play(tasks), hosts, ("sleep 301", "sleep 302"))

    # What ran when the line went dead is not waited for; stock leaves it running.
    processes.end(orphans)
    kinds = {"host03": "runner_unreachable", "host07": "runner_unreachable"}
    assert {host: _end(outcome, host) for host in NAMES} == {host: kinds.get(host, "runner_ok") for host in NAMES}
    assert outcome.run.rc == 4
    assert {host: [event["task"] for event in outcome.run.results(host=host)] for host in NAMES} == {
        host: ["Before", "Cut"] if host in kinds else ["Before", "Cut", "After"] for host in NAMES
    }
    outcome.assert_native()


@pytest.mark.parametrize("strategy", BOTH)
def test_a_host_that_comes_back(lab: Lab, strategy: str) -> None:
    """After a cut that was ignored, the next task connects anew."""
    tasks = [
        {
            "name": "Cut",
            "ansible.builtin.command": "sleep {{ seconds }}",
            "ignore_unreachable": True,
            "changed_when": False,
        },
        {"name": "After", "ansible.builtin.command": "echo after", "changed_when": False},
    ]
    hosts = inventory(lab, 2, {"host02": {"seconds": 303}}, seconds=0)

    outcome, orphans = _run_and_cut(lab, strategy, _play(tasks), hosts, ("sleep 303",))

    processes.end(orphans)
    assert outcome.run.rc == 0, outcome.run
    assert [event["event"] for event in outcome.run.results(task="Cut", host="host02")] == ["runner_unreachable"]
    assert [event["result"]["stdout"] for event in outcome.run.results(task="After")] == ["after"] * 2
    outcome.assert_native()


@pytest.mark.parametrize("strategy", BOTH)
def test_a_connection_to_a_host_that_has_stopped_is_reset(lab: Lab, strategy: str) -> None:
    """As after a reboot that nobody was told of: the line is open, and nobody is there."""
    tasks = [*_until_it_stops(lab), {"name": "Reset", "ansible.builtin.meta": "reset_connection"}, _AFTER]

    outcome = _run_and_stop(lab, strategy, tasks)

    assert outcome.run.rc == 0, outcome.run
    assert [event["result"]["stdout"] for event in outcome.run.results(task="After")] == ["after"]


def test_a_run_ends_although_a_host_has_stopped(lab: Lab) -> None:
    outcome = _run_and_stop(lab, CANDIDATE, _until_it_stops(lab))

    assert outcome.run.rc == 0, outcome.run
    clients = [process for process in lab.processes() if process.name == "ssh"]
    assert clients == [], "an ssh client outlived its run"


def test_several_faults_at_once(lab: Lab) -> None:
    _needs_accounts(lab)
    faults: dict[str, dict[str, Any]] = {
        "host02": {"ansible_port": 1},
        "host03": {"ansible_user": "svclab3"},
        "host05": {"ansible_python_interpreter": "/no/such/python"},
        "host06": {"ansible_ssh_private_key_file": "/no/such/key"},
        "host08": {"word": "{{ no_such_variable }}"},
        "host09": {"ansible_become_user": "nobody-of-that-name"},
    }
    pair = both(lab, _three_commands(become=True), inventory(lab, HOSTS, faults, word="fine"), timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    assert pair.stock.run.rc == pair.ours.run.rc != 0
    well = [host for host in NAMES if host not in faults]
    assert {host: _end(pair.ours, host) for host in well} == dict.fromkeys(well, "runner_ok")
    assert all(len(pair.ours.run.results(host=host)) == 3 for host in well)


def test_everybody_is_unreachable(lab: Lab) -> None:
    pair = both(lab, _three_commands(), inventory(lab, 3, ansible_port=1), timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    assert pair.stock.run.rc == pair.ours.run.rc == 4


def test_discovery_on_a_host_that_nobody_answers_for(lab: Lab) -> None:
    """At -vvv it is said that discovery is attempted, before it turns out that nobody answers."""
    hosts = inventory(lab, 1, ansible_port=1, ansible_python_interpreter="auto")
    pair = both(lab, _three_commands(), hosts, args=["-vvv"], timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    said = [
        [line for line in side.run.stdout.splitlines() if "interpreter discovery" in line]
        for side in (pair.stock, pair.ours)
    ]
    assert said[0] == said[1] == ["<host01> Attempting python interpreter discovery."]


def test_a_rescue_does_not_catch_an_unreachable_host(lab: Lab) -> None:
    book = _play(
        [
            {
                "name": "Block",
                "block": [{"name": "Try", "ansible.builtin.command": "echo try", "changed_when": False}],
                "rescue": [{"name": "Rescue", "ansible.builtin.debug": {"msg": "wrong"}}],
                "always": [{"name": "Always", "ansible.builtin.debug": {"msg": "always"}}],
            },
            {"name": "Go on", "ansible.builtin.command": "echo on", "changed_when": False},
        ]
    )
    pair = both(lab, book, inventory(lab, 3, {"host02": {"ansible_port": 1}}), timeout_s=LIMIT_S)

    _assert_same_kinds(pair)
    pair.assert_native()


def _play(tasks: list[dict[str, Any]], **keywords: Any) -> list[dict[str, Any]]:
    return [{"name": "Faults", "hosts": "all", "gather_facts": False, "tasks": tasks, **keywords}]


def _three_commands(**keywords: Any) -> list[dict[str, Any]]:
    command = {"ansible.builtin.command": "echo {{ word | default('a word') }}", "changed_when": False}
    return _play([{"name": name, **command} for name in ("First", "Second", "Third")], **keywords)


def _end(outcome: Outcome, host: str) -> str:
    """Return the kind of a host's last result."""
    kind: str = outcome.run.results(host=host)[-1]["event"]
    return kind


def _assert_ends(pair: Pair, others: dict[str, str]) -> None:
    """Raise AssertionError unless every host ends with a good result, and those in others as is said there."""
    expected = {host: others.get(host, "runner_ok") for host in NAMES}
    for outcome in (pair.stock, pair.ours):
        assert {host: _end(outcome, host) for host in NAMES} == expected


def _assert_same_kinds(pair: Pair) -> None:
    """Raise AssertionError unless both runs gave each host the same kinds of events and the same recap.

    The messages of a lost connection are those of ssh here and of ours there; they are compared in test_bad_input.
    """
    assert pair.stock.run.rc == pair.ours.run.rc, f"{pair.stock.run}\n{pair.ours.run}"
    assert _kinds(pair.stock) == _kinds(pair.ours)
    assert _recap(pair.stock) == _recap(pair.ours)


def _kinds(outcome: Outcome) -> dict[str, list[tuple[str, str]]]:
    kinds: dict[str, list[tuple[str, str]]] = collections.defaultdict(list)
    for event in outcome.run.events:
        if "host" in event:
            kinds[event["host"]].append((event["event"], event.get("task", "")))
    return dict(kinds)


def _recap(outcome: Outcome) -> dict[str, Any]:
    recap: dict[str, Any] = outcome.run.events[-1]["hosts"]
    return recap


def _needs_accounts(lab: Lab) -> None:
    if not lab.accounts:
        pytest.skip("only root can make the lab's accounts")


def _run_and_cut(
    lab: Lab, strategy: str, book: list[dict[str, Any]], hosts: Path, commands: tuple[str, ...]
) -> tuple[Outcome, list[processes.Process]]:
    """Run book and kill the ssh session of each command as soon as it runs; return what was left of the commands."""
    cutter = _Cutter(lab, commands)
    cutter.start()
    try:
        outcome = run(lab, strategy, book, hosts, timeout_s=LIMIT_S)
    finally:
        cutter.stop()
    assert cutter.cut == set(commands), f"never seen: {set(commands) - cutter.cut}\n{outcome.run}"
    return outcome, cutter.orphans


_AFTER = {"name": "After", "ansible.builtin.command": "echo after", "changed_when": False}


def _until_it_stops(lab: Lab) -> list[dict[str, Any]]:
    """Return tasks after which the host's connection has stopped, given that _run_and_stop runs them."""
    asked, stopped = (str(lab.directory / "shared" / name) for name in ("asked", "stopped"))
    return [
        {"name": "Before", "ansible.builtin.command": "echo before", "changed_when": False},
        {"name": "Ask", "ansible.builtin.copy": {"content": "", "dest": asked}, "delegate_to": "localhost"},
        {"name": "Wait", "ansible.builtin.wait_for": {"path": stopped, "timeout": 30}, "delegate_to": "localhost"},
    ]


def _run_and_stop(lab: Lab, strategy: str, tasks: list[dict[str, Any]]) -> Outcome:
    """Run tasks for one host, whose sessions stop (SIGSTOP) when it is asked for; they get killed afterwards."""
    hosts = inventory(lab, 1)
    asked, stopped = (lab.directory / "shared" / name for name in ("asked", "stopped"))
    asked.unlink(missing_ok=True)
    over = threading.Event()
    sessions: list[processes.Process] = []

    def stop() -> None:
        while not asked.exists():
            if over.wait(0.05):
                return
        sessions.extend(lab.sshd.sessions())
        for process in sessions:
            os.kill(process.pid, signal.SIGSTOP)
        stopped.touch()

    stopper = threading.Thread(target=stop, name="stopper")
    stopper.start()
    try:
        outcome = run(lab, strategy, _play(tasks), hosts, timeout_s=LIMIT_S)
    finally:
        over.set()
        stopper.join()
        processes.end(sessions, grace_s=0)
    assert sessions, "there was nothing to be stopped"
    return outcome


class _Cutter(threading.Thread):
    """Watch the lab for commands and kill the sshd that serves each.

    Threads: run() is a thread of its own; stop() is called by the test and returns when that has ended.
    """

    def __init__(self, lab: Lab, commands: tuple[str, ...]) -> None:
        super().__init__(name="cutter")
        self._lab = lab
        self._awaited = set(commands)
        self._stopped = threading.Event()
        self.cut: set[str] = set()
        self.orphans: list[processes.Process] = []

    def run(self) -> None:
        while self._awaited and not self._stopped.wait(0.05):
            for process in self._lab.sshd.sessions():
                command = process.command()
                if command in self._awaited:
                    self._cut(process)
                    self._awaited.discard(command)
                    self.cut.add(command)

    def stop(self) -> None:
        self._stopped.set()
        self.join()

    def _cut(self, process: processes.Process) -> None:
        """Kill the connection's sshd, the child of the listening one, by its pid."""
        assert self._lab.sshd.process is not None
        line = [process]
        while line[-1].ppid != self._lab.sshd.process.pid:
            parent = processes.look(line[-1].ppid)
            assert parent is not None, f"{process} is not below sshd"
            line.append(parent)
        below = processes.descendants(line[-1].pid)
        processes.end([line[-1]], grace_s=0)
        self.orphans += below
