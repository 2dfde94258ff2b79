# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the end of a run, however it comes, to leaving nothing: no process, socket, temporary file or ssh client.

The autouse check of conftest.py looks for what is left on both sides after each test; what is asserted here is that the
end comes soon, with linear's exit code, and is complete when ansible-playbook is gone. Linear runs first for its exit
code, and what it leaves behind is removed.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import stat
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.outputs import assert_same_lines
from tests.integration.twin import CANDIDATE, PLAYBOOKS, STOCK, begin_afresh, inventory, remove_leftovers, run
from tests.lab import Lab, processes
from tests.lab.playbook import EVENTS_VARIABLE, executable, read_events

HOSTS = 3
SOON_S = 10.0
"""How long an end may take, in seconds, on a machine that has other things to do."""

START_S = 60.0

SLEEP = "sleep 606"

ACTION_PLUGINS = PLAYBOOKS / "modules" / "action_plugins"
"""Action plugins that nobody knows to be safe in threads, so that they are forked."""

GOOD = {"name": "Good", "ansible.builtin.command": "echo good", "changed_when": False}
LONG = {"name": "Long", "ansible.builtin.command": SLEEP, "changed_when": False}

ENDS: dict[str, list[dict[str, Any]]] = {
    "a good run": [GOOD],
    "a failed play": [GOOD, {"name": "Fail", "ansible.builtin.command": "false"}],
    "an unreachable host": [GOOD, {**GOOD, "name": "Away", "vars": {"ansible_port": 1}}],
    "a task with a limit": [GOOD, {**GOOD, "name": "Limited", "timeout": 30}],
    "a task in a fork": [GOOD, {"name": "Forked", "ansible.builtin.wait_for_connection": {"timeout": 9}}],
    "a task on the controller": [{**GOOD, "delegate_to": "localhost"}],
    "a job that is not waited for": [
        {**GOOD, "async": 30, "poll": 0, "vars": {"ansible_async_dir": "{{ workdir }}/a"}}
    ],
    "another user": [{**GOOD, "become": True, "become_user": "nobody"}],
    "a play that cannot be": [{"no_such_module": {}}],
}


@pytest.mark.parametrize("end", ENDS)
def test_an_end(lab: Lab, end: str) -> None:
    book, hosts = _play(ENDS[end]), inventory(lab, HOSTS)
    expected = run(lab, STOCK, book, hosts).run.rc
    _remove_leftovers(lab)

    outcome = run(lab, CANDIDATE, book, hosts)

    ended = time.time()
    assert outcome.run.rc == expected, outcome.run
    if outcome.run.events:
        assert ended - outcome.run.events[-1]["at"] < SOON_S
    _assert_nothing_is_left(lab)


@dataclass(frozen=True)
class Moment:
    """Describe when a run is interrupted: what it does, and how one sees that it does it."""

    name: str
    tasks: list[dict[str, Any]]
    reached: Callable[[Lab], bool]

    def __str__(self) -> str:
        return self.name


def _all_sleep(lab: Lab) -> bool:
    return sum(process.command() == SLEEP for process in lab.processes()) >= HOSTS


def _one_sleeps(lab: Lab) -> bool:
    return any(process.command() == SLEEP for process in lab.processes())


MOMENTS = [
    Moment("a task", [GOOD, LONG], _all_sleep),
    Moment("a loop", [{**LONG, "ansible.builtin.command": "sleep {{ item }}", "loop": [0, 606, 0]}], _all_sleep),
    Moment("a task with a limit", [GOOD, {**LONG, "timeout": 600}], _all_sleep),
    Moment("a task in a fork", [GOOD, {"name": "Forked", "runs": {"command": SLEEP}}], _all_sleep),
    Moment("a task of another user", [GOOD, {**LONG, "become": True, "become_user": "nobody"}], _all_sleep),
    Moment(
        "a lookup",
        [GOOD, {"name": "Look", "ansible.builtin.debug": {"msg": f"{{{{ lookup('pipe', '{SLEEP}') }}}}"}}],
        _all_sleep,
    ),
    Moment("a task on the controller", [GOOD, {**LONG, "delegate_to": "localhost", "run_once": True}], _one_sleeps),
]


@pytest.mark.parametrize("moment", MOMENTS, ids=str)
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
def test_a_signal_during(lab: Lab, moment: Moment, number: signal.Signals) -> None:
    book, hosts = _play(moment.tasks), inventory(lab, HOSTS)
    expected = _interrupt(lab, STOCK, book, hosts, moment.reached, number)
    _remove_leftovers(lab)

    ended = _interrupt(lab, CANDIDATE, book, hosts, moment.reached, number)

    assert ended.rc == expected.rc, f"linear: {expected}\nours: {ended}"
    if number == signal.SIGINT:
        assert_same_lines(expected.output, ended.output, "output")
    assert ended.took_s < SOON_S, ended
    if CANDIDATE == STOCK:
        # Stock leaves the remote commands running, and after SIGTERM its workers too.
        _remove_leftovers(lab)
    if number == signal.SIGTERM:
        # ansible-core dies of the signal where it stands, and leaves its own temporary directory on the controller.
        for left in lab.directory.glob("controller/ansible/tmp/ansible-local-*"):
            shutil.rmtree(left)
    _assert_nothing_is_left(lab)


def test_a_controller_that_is_killed(lab: Lab) -> None:
    """Managed hosts notice that nobody is there any more; only what is on the controller's disk stays."""
    if CANDIDATE == STOCK:
        pytest.skip("linear leaves the commands on the hosts running")
    _interrupt(lab, CANDIDATE, _play([GOOD, LONG]), inventory(lab, HOSTS), _all_sleep, signal.SIGKILL)

    left = processes.wait_gone(lab.processes(), SOON_S)
    assert not left, [process.command() for process in left]
    _remove_leftovers(lab)
    _assert_nothing_is_left(lab)


def test_a_second_interrupt_while_the_first_is_handled(lab: Lab) -> None:
    """The second one kills ansible-playbook where it stands; hosts and ssh clients notice by themselves."""
    book, hosts = _play([GOOD, LONG]), inventory(lab, HOSTS)

    ended = _interrupt(lab, CANDIDATE, book, hosts, _all_sleep, signal.SIGINT, again=True)

    assert ended.rc in (-signal.SIGINT, 99), ended  # 99: it was through with the first already
    assert ended.took_s < SOON_S, ended
    left = processes.wait_gone(lab.processes(), SOON_S)
    assert CANDIDATE == STOCK or not left, [process.command() for process in left]
    _remove_leftovers(lab)


@dataclass(frozen=True)
class Ended:
    """Hold how a run ended: its exit code, how long after the signal, in seconds, and what it had said."""

    rc: int
    took_s: float
    output: str


def _interrupt(
    lab: Lab,
    strategy: str,
    book: list[dict[str, Any]],
    hosts: Path,
    reached: Callable[[Lab], bool],
    number: signal.Signals,
    *,
    again: bool = False,
) -> Ended:
    """Run book, send the signal when the moment is reached, and return how the run ended.

    SIGINT goes to the whole process group, as a terminal sends it; other signals to the process alone. again: send it
    once more as soon as ansible-playbook says that it was interrupted.
    """
    begin_afresh(lab)
    path = hosts.with_suffix(f".{strategy}.yml")
    path.write_text(json.dumps(book))
    cfg = lab.ansible_cfg(strategy=strategy, pipelining=True, action_plugins=ACTION_PLUGINS)
    events, output = cfg.with_suffix(".events"), cfg.with_suffix(".out")
    with output.open("w") as stream:
        process = subprocess.Popen(
            [*executable(), "-i", hosts, path],
            cwd=lab.directory,
            env=lab.env(cfg, **{EVENTS_VARIABLE: str(events)}),
            stdin=subprocess.DEVNULL,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        _wait_until(lambda: process.poll() is not None or reached(lab), START_S)
        assert process.poll() is None, f"ended too early\n{output.read_text()}"
        begun = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        if again:
            _wait_until(lambda: process.poll() is not None or "interrupted" in output.read_text(), START_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        rc = process.wait(timeout=START_S)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
    assert read_events(events), output.read_text()
    return Ended(rc, time.monotonic() - begun, output.read_text())


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit, "the moment never came"
        time.sleep(0.05)


def _assert_nothing_is_left(lab: Lab) -> None:
    """Raise AssertionError when the lab has a process, a socket or a temporary file that goes on existing."""
    left = processes.wait_gone(lab.processes(), SOON_S)
    assert not left, [process.command() for process in left]
    sockets = [path for path in lab.directory.rglob("*") if stat.S_ISSOCK(path.lstat().st_mode)]
    assert not sockets, sockets
    controller = lab.directory / "controller" / "ansible" / "tmp"
    temporary = [*lab.temporary_directories(), _tmpdir(), *([controller] if controller.exists() else [])]
    files = [path for directory in temporary for path in directory.iterdir()]
    assert not files, files


def _remove_leftovers(lab: Lab) -> None:
    remove_leftovers(lab)
    for path in _tmpdir().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


def _tmpdir() -> Path:
    """Return the directory for temporary files that is this test's alone (see conftest.py)."""
    return Path(os.environ["TMPDIR"])


def _play(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": "Shutdown", "hosts": "all", "gather_facts": False, "tasks": tasks}]
