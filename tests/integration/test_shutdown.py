# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the end of a run, however it comes, to leaving nothing: no process, socket, temporary file or ssh client.

The autouse check of conftest.py looks for what is left on both sides after each test; what is asserted here is that the
end comes soon, with linear's exit code, and is complete when ansible-playbook is gone. Linear runs first for its exit
code, and what it leaves behind is removed. What was started on hosts is gone within a second, unless it is meant to
live on.
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
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.integration.outputs import assert_same_lines
from tests.integration.twin import CANDIDATE, PLAYBOOKS, STOCK, begin_afresh, inventory, remove_leftovers, run
from tests.lab import Lab, processes
from tests.lab.playbook import EVENTS_VARIABLE, executable, read_events

HOSTS = 3
SOON_S = 1.0
"""How long, in seconds, what runs on hosts may survive the end of its task. The best of ATTEMPTS counts."""

ATTEMPTS = 3

END_S = 10.0
"""How long the end of ansible-playbook may take, in seconds, on a machine that has other things to do."""

START_S = 60.0

SLEEP = "sleep 606"

LOOK_S = 0.05
"""How long, in seconds, between two looks at what goes on."""

MODULES = PLAYBOOKS / "modules"
"""Where there are modules, and action plugins that nobody knows to be safe in threads, so that they are forked."""

GOOD = {"name": "Good", "ansible.builtin.command": "echo good", "changed_when": False}
LONG = {"name": "Long", "ansible.builtin.command": SLEEP, "changed_when": False}
KEEPS = {"name": "Keeps", "keeps_files": {"command": SLEEP}}
SCRIPT = {"name": "Script", "ansible.builtin.script": str(MODULES / "files" / "long.sh")}

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
        assert ended - outcome.run.events[-1]["at"] < END_S
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
    Moment("a module with files", [GOOD, KEEPS], _all_sleep),
    Moment("a script", [GOOD, SCRIPT], _all_sleep),
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

    survived = []
    while min(survived, default=END_S) > SOON_S and len(survived) < ATTEMPTS:
        ended = _interrupt(lab, CANDIDATE, book, hosts, moment.reached, number)

        assert ended.rc == expected.rc, f"linear: {expected}\nours: {ended}"
        if number == signal.SIGINT:
            assert_same_lines(expected.output, ended.output, "output")
        assert ended.took_s < END_S, ended
        survived.append(ended.survived_s)
        if CANDIDATE == STOCK:
            # Stock leaves the remote commands running, and after SIGTERM its workers too.
            _remove_leftovers(lab)
        if number == signal.SIGTERM:
            # ansible-core dies of the signal where it stands, and leaves its own temporary directory on the controller.
            for left in lab.directory.glob("controller/ansible/tmp/ansible-local-*"):
                shutil.rmtree(left)
        _assert_nothing_is_left(lab)
    assert CANDIDATE == STOCK or min(survived) <= SOON_S, survived


@pytest.mark.parametrize("task", [LONG, KEEPS, SCRIPT], ids=lambda task: task["name"])
def test_a_controller_that_is_killed(lab: Lab, task: dict[str, Any]) -> None:
    """Managed hosts notice that nobody is there any more; only what is on the controller's disk stays."""
    if CANDIDATE == STOCK:
        pytest.skip("linear leaves the commands on the hosts running")
    survived: list[float] = []
    while min(survived, default=END_S) > SOON_S and len(survived) < ATTEMPTS:
        ended = _interrupt(lab, CANDIDATE, _play([GOOD, task]), inventory(lab, HOSTS), _all_sleep, signal.SIGKILL)

        survived.append(ended.survived_s)
        _assert_hosts_are_clean(lab)
        _remove_leftovers(lab)
        _assert_nothing_is_left(lab)
    assert min(survived) <= SOON_S, survived


@pytest.mark.parametrize("task", [LONG, KEEPS, SCRIPT], ids=lambda task: task["name"])
def test_a_task_that_takes_too_long(lab: Lab, task: dict[str, Any]) -> None:
    """What it started is gone within a second, while the run goes on; so are its temporary files."""
    if CANDIDATE == STOCK:
        pytest.skip("linear leaves the commands on the hosts running")
    late = {**task, "timeout": 2, "ignore_errors": True}
    later = {"name": "Later", "ansible.builtin.command": "sleep 2", "changed_when": False}
    survived: list[float] = []
    while min(survived, default=END_S) > SOON_S and len(survived) < ATTEMPTS:
        with _playing(lab, CANDIDATE, _play([GOOD, late, later]), inventory(lab, HOSTS)) as playing:
            _wait_until(lambda: playing.over() or _all_sleep(lab), START_S)
            remained = time.time()
            while not playing.over():
                if _remains(lab):
                    remained = time.time()
                time.sleep(LOOK_S)
        assert playing.process.returncode == 0, playing.said()
        failed = [event["at"] for event in playing.events() if event["event"] == "runner_failed"]
        assert len(failed) == HOSTS, playing.said()
        survived.append(remained - min(failed))
        _assert_nothing_is_left(lab)
    assert min(survived) <= SOON_S, survived


LIVE_ON = "echo > {{ workdir }}/%s-runs; until [ -e {{ shared_dir }}/go ]; do sleep 0.1; done; echo > {{ workdir }}/%s"
"""A command that ends only when it is told to, and tells that it has begun and that it has ended."""


@pytest.mark.parametrize("number", [None, signal.SIGINT, signal.SIGKILL], ids=lambda number: number and number.name)
def test_what_is_meant_to_live_on_does(lab: Lab, number: signal.Signals | None) -> None:
    """A job that nobody waits for, and a daemon, end by themselves, whatever has become of the run."""
    tasks: list[dict[str, Any]] = [
        {"name": "Job", "ansible.builtin.shell": LIVE_ON % ("job", "job"), "async": 60, "poll": 0}
        | {"vars": {"ansible_async_dir": "{{ workdir }}/async"}},
        {"name": "Daemon", "daemonises": {"command": f"({LIVE_ON % ('daemon', 'daemon')}) >/dev/null 2>&1"}},
    ]
    hosts = inventory(lab, HOSTS)
    workdirs = [host.workdir for host in lab.hosts(HOSTS)]
    if number is None:
        with _playing(lab, CANDIDATE, _play(tasks), hosts) as playing:
            assert playing.process.wait(START_S) == 0, playing.said()
    else:
        _interrupt(lab, CANDIDATE, _play([*tasks, LONG]), hosts, _all_sleep, number)
    started = [directory / f"{name}-runs" for directory in workdirs for name in ("job", "daemon")]
    _wait_until(lambda: all(path.exists() for path in started), START_S)
    # What lives on has left the session's processes long ago.
    left = processes.wait_gone(lab.sshd.sessions(), END_S)
    assert not left, [process.command() for process in left]
    ended = [directory / name for directory in workdirs for name in ("job", "daemon")]
    assert not [path for path in ended if path.exists()]

    (lab.directory / "shared" / "go").touch()

    _wait_until(lambda: all(path.exists() for path in ended), END_S)
    for directory in workdirs:
        [result] = [path for path in (directory / "async").iterdir() if path.suffix != ".tmp"]
        _wait_until(lambda result=result: json.loads(result.read_text()).get("rc") == 0, END_S)
    assert not processes.wait_gone(lab.processes(), END_S)
    if number == signal.SIGKILL:
        _remove_leftovers(lab)
    _assert_nothing_is_left(lab)


def test_a_second_interrupt_while_the_first_is_handled(lab: Lab) -> None:
    """The second one kills ansible-playbook where it stands; hosts and ssh clients notice by themselves."""
    book, hosts = _play([GOOD, KEEPS]), inventory(lab, HOSTS)

    ended = _interrupt(lab, CANDIDATE, book, hosts, _all_sleep, signal.SIGINT, again=True)

    assert ended.rc in (-signal.SIGINT, 99), ended  # 99: it was through with the first already
    assert ended.took_s < END_S, ended
    if CANDIDATE != STOCK:
        _assert_hosts_are_clean(lab)
    _remove_leftovers(lab)


@dataclass(frozen=True)
class Ended:
    """Hold how a run ended.

    rc is its exit code, took_s how long after the signal it ended, survived_s how long after the signal the last of
    the commands on hosts did, both in seconds; output is what it had said.
    """

    rc: int
    took_s: float
    survived_s: float
    output: str


@dataclass(frozen=True)
class Playing:
    """A run of ansible-playbook that goes on."""

    process: subprocess.Popen[bytes]
    events_path: Path
    output: Path

    def over(self) -> bool:
        return self.process.poll() is not None

    def said(self) -> str:
        return self.output.read_text()

    def events(self) -> list[dict[str, Any]]:
        return read_events(self.events_path)


@contextlib.contextmanager
def _playing(lab: Lab, strategy: str, book: list[dict[str, Any]], hosts: Path) -> Iterator[Playing]:
    """Run book while the block does."""
    begin_afresh(lab)
    path = hosts.with_suffix(f".{strategy}.yml")
    path.write_text(json.dumps(book))
    cfg = lab.ansible_cfg(
        strategy=strategy, pipelining=True, action_plugins=MODULES / "action_plugins", library=MODULES / "library"
    )
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
        yield Playing(process, events, output)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


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
    with _playing(lab, strategy, book, hosts) as playing:
        process = playing.process
        _wait_until(lambda: playing.over() or reached(lab), START_S)
        assert process.poll() is None, f"ended too early\n{playing.said()}"
        commands = [process for process in lab.processes() if process.command() == SLEEP]
        begun = time.monotonic()
        if number == signal.SIGINT:
            os.killpg(process.pid, number)
        else:
            process.send_signal(number)
        # Stock's commands stay; there is no point in waiting for them.
        left = processes.wait_gone(commands, 0 if strategy == STOCK or again else END_S)
        survived_s = time.monotonic() - begun
        if again:
            _wait_until(lambda: playing.over() or "interrupted" in playing.said(), START_S)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, number)
        rc = process.wait(timeout=START_S)
        took_s = time.monotonic() - begun
    assert playing.events(), playing.said()
    assert strategy == STOCK or again or not left, [process.command() for process in left]
    return Ended(rc, took_s, survived_s, playing.said())


def _wait_until(condition: Callable[[], bool], timeout_s: float) -> None:
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit, "the moment never came"
        time.sleep(LOOK_S)


def _remains(lab: Lab) -> list[str]:
    """List what tasks have on hosts at this moment: commands, and temporary files."""
    commands = [process.command() for process in lab.processes()]
    files = [str(path) for directory in lab.temporary_directories() for path in directory.iterdir()]
    return [*(command for command in commands if command == SLEEP), *files]


def _assert_hosts_are_clean(lab: Lab) -> None:
    """Raise AssertionError when a process or a temporary file on hosts goes on existing."""
    left = processes.wait_gone(lab.sshd.sessions(), END_S)
    assert not left, [process.command() for process in left]
    assert not _remains(lab), _remains(lab)


def _assert_nothing_is_left(lab: Lab) -> None:
    """Raise AssertionError when the lab has a process, a socket or a temporary file that goes on existing."""
    left = processes.wait_gone(lab.processes(), END_S)
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
