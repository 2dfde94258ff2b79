# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold tasks that run in forked workers to linear's results, and their hosts to being usable afterwards."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import BOTH, CANDIDATE, STOCK, Outcome, both, inventory, remove_leftovers, run
from tests.lab import Lab, processes

HOSTS = 3
UNSAFE = "is not known to be safe on threads"
SLEEP = "sleep 611"

ACTION = '''
from __future__ import annotations

import os
import signal

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Do each thing that a strange action plugin does with a managed host."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        return {**result, **getattr(self, "_do_" + self._task.args["do"])(task_vars)}

    def _do_all(self, task_vars):
        args = self._task.args
        there = task_vars["workdir"] + "/foo"
        module = self._execute_module("ansible.builtin.command", {"_raw_params": "echo module"}, task_vars=task_vars)
        self._connection.put_file(args["source"], there)
        command = self._low_level_execute_command("cat " + there + "; echo err >&2; exit 3")
        back = args["folder"] + "/" + task_vars["inventory_hostname"]
        self._connection.fetch_file(there, back)
        with open(back) as file:
            fetched = file.read()
        facts = self._execute_module("ansible.builtin.stat", {"path": there}, task_vars=task_vars)
        self._connection.exec_command("rm " + there)
        return {
            "module": module["stdout"],
            "command": [command["rc"], command["stdout"], command["stderr"]],
            "fetched": fetched,
            "size": facts["stat"]["size"],
        }

    def _do_bad_put(self, task_vars):
        self._connection.put_file(self._task.args["source"], "/no/such/directory/file")
        return {}

    def _do_bad_fetch(self, task_vars):
        self._connection.fetch_file("/no/such/file", self._task.args["folder"] + "/never")
        return {}

    def _do_bad_module(self, task_vars):
        return self._execute_module("no.such.module", {}, task_vars=task_vars)

    def _do_large(self, task_vars):
        done = self._low_level_execute_command("cat", in_data=b"x" * 3000000, sudoable=False)
        return {"rc": done["rc"], "length": len(done["stdout"])}

    def _do_sleep(self, task_vars):
        return self._low_level_execute_command(self._task.args["command"])

    def _do_short(self, task_vars):
        done = self._low_level_execute_command("echo short")
        return {"stdout": done["stdout"]}

    def _do_die(self, task_vars):
        if task_vars["inventory_hostname"] == "host02":
            os.kill(os.getpid(), signal.SIGKILL)
        return {}
'''


class Book:
    """Write playbooks next to an action plugin of their own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "action_plugins").mkdir()
        (folder / "action_plugins" / "foo.py").write_text(ACTION)
        self.source = folder / "source"
        self.source.write_text("content\n")
        (folder / "fetched").mkdir()

    def foo(self, do: str, **more: Any) -> dict[str, Any]:
        keywords = {name: more.pop(name) for name in ("timeout", "ignore_errors", "become") if name in more}
        arguments = {"do": do, "source": str(self.source), "folder": str(self.folder / "fetched"), **more}
        return {"name": f"Foo {do}", "foo": arguments, **keywords}

    def write(self, *tasks: dict[str, Any], **play: Any) -> Path:
        path = self.folder / "playbook.yml"
        path.write_text(
            json.dumps([{"name": "Forks", "hosts": "all", "gather_facts": False, "tasks": list(tasks), **play}])
        )
        return path


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


USABLE = {"name": "Usable", "ansible.builtin.command": "echo usable", "changed_when": False}


def test_an_action_plugin_of_the_playbooks_own(lab: Lab, book: Book) -> None:
    pair = both(lab, book.write(book.foo("all"), USABLE, book.foo("all")), inventory(lab, HOSTS))

    pair.assert_equal()
    pair.assert_native(UNSAFE)
    if CANDIDATE != STOCK:
        # The workers went over the connections of the process that they were forked from.
        assert pair.ours.statistics is not None
        assert pair.ours.statistics["contexts"] == {"attempts": HOSTS, "connected": HOSTS, "lost": 0, "closed": 0}
    for result in pair.ours.run.results(task="Foo all"):
        told = result["result"]
        # On a terminal, as ansible-core runs such commands.
        assert told["command"][:2] == [3, "content\r\nerr\r\n"], told
        assert (told["module"], told["fetched"], told["size"]) == ("module", "content\n", 8), told


def test_an_action_plugin_of_the_playbooks_own_as_another_user(lab: Lab, book: Book) -> None:
    if not lab.accounts:
        pytest.skip("the lab has accounts only when it runs as root")
    hosts = inventory(lab, HOSTS, ansible_user="svclab1")
    pair = both(lab, book.write(book.foo("short", become=True), USABLE), hosts)

    pair.assert_equal()
    pair.assert_native(UNSAFE)


@pytest.mark.parametrize("do", ["bad_put", "bad_fetch", "bad_module"])
def test_an_action_plugin_that_fails(lab: Lab, book: Book, do: str) -> None:
    outcomes = [_ended(run(lab, strategy, book.write(book.foo(do), USABLE), inventory(lab, 2))) for strategy in BOTH]

    assert outcomes[0].run.rc == outcomes[-1].run.rc
    for stock, ours in zip(*(outcome.run.results(task=f"Foo {do}") for outcome in outcomes), strict=True):
        assert stock["event"] == ours["event"], (stock, ours)
        assert "EOFError" not in str(ours["result"]), ours
        told = str(ours["result"]["msg"])
        assert "No such file or directory" in told or "no.such.module" in told, told


def test_much_data_through_a_worker(lab: Lab, book: Book) -> None:
    pair = both(lab, book.write(book.foo("large")), inventory(lab, HOSTS))

    pair.assert_equal()
    assert {result["result"]["length"] for result in pair.ours.run.results(task="Foo large")} == {3_000_000}


def test_pause(lab: Lab, book: Book) -> None:
    pair = both(
        lab, book.write({"name": "Wait", "ansible.builtin.pause": {"seconds": 1}}, USABLE), inventory(lab, HOSTS)
    )

    ours, stock = (
        sorted((result["task"], result["event"], result["host"]) for result in side.run.results())
        for side in (pair.ours, pair.stock)
    )
    assert ours == stock
    assert pair.ours.run.rc == 0
    [result] = pair.ours.run.results(task="Wait")
    assert result["result"]["delta"] >= 1
    pair.assert_native("ansible.builtin.pause", UNSAFE)


# -- timeouts


def _timed(book: Book, kind: str) -> dict[str, Any]:
    if kind == "forked":
        return book.foo("sleep", command=SLEEP, timeout=2, ignore_errors=True)
    return {"name": "Foo sleep", "ansible.builtin.command": SLEEP, "timeout": 2, "ignore_errors": True}


@pytest.mark.parametrize("kind", ["forked", "native"])
def test_a_timeout_that_passes(lab: Lab, book: Book, kind: str) -> None:
    path = book.write(_timed(book, kind), USABLE, book.foo("short"), book.foo("all"))
    stock = run(lab, STOCK, path, inventory(lab, HOSTS))
    remove_leftovers(lab)
    ours = run(lab, CANDIDATE, path, inventory(lab, HOSTS))

    assert ours.run.rc == stock.run.rc == 0, ours.run
    told = [sorted(_message(result) for result in side.run.results(task="Foo sleep")) for side in (stock, ours)]
    assert told[0] == told[1]
    assert "Timed out after 2 second(s)." in str(told[1])
    for task in ("Usable", "Foo short", "Foo all"):
        assert [result["event"] for result in ours.run.results(task=task)] == ["runner_ok"] * HOSTS, task
    if CANDIDATE != STOCK:
        left = [process.command() for process in lab.processes() if SLEEP in process.command()]
        assert not left, "the timeout did not reach the managed host"


@pytest.mark.parametrize("kind", ["forked", "native"])
def test_a_timeout_ends_the_remote_process_at_once(lab: Lab, book: Book, kind: str) -> None:
    """Not only when the play is over: the next task looks for it."""
    if CANDIDATE == STOCK:
        pytest.skip("linear leaves the process running")
    look = {"name": "Look", "ansible.builtin.shell": f"pgrep -f -x '{SLEEP}' || true", "changed_when": False}
    ours = run(lab, CANDIDATE, book.write(_timed(book, kind), look), inventory(lab, 1))

    [result] = ours.run.results(task="Look")
    assert result["result"]["stdout"] == ""


def test_a_timeout_that_does_not_pass(lab: Lab, book: Book) -> None:
    tasks = [{**book.foo("short"), "timeout": 60}, {**USABLE, "timeout": 60}]
    pair = both(lab, book.write(*tasks), inventory(lab, HOSTS))

    pair.assert_equal()


def _message(result: dict[str, Any]) -> tuple[str, str]:
    return result["event"], json.dumps([result["result"].get(name) for name in ("msg", "timedout", "failed")])


# -- forks beside threads


def test_forked_and_native_tasks_at_the_same_time(lab: Lab, book: Book) -> None:
    """A worker is forked while threads run tasks, load plugins, template and wait: twenty times on every host."""
    tasks: list[dict[str, Any]] = []
    for number in range(20):
        tasks.append(book.foo("short"))
        tasks.append({**USABLE, "name": "Native", "ansible.builtin.command": f"echo {number}"})
        tasks.append({"ansible.builtin.set_fact": {f"fact{number}": "{{ inventory_hostname | upper }}"}})
    path = book.write(*tasks, strategy="svc_free" if CANDIDATE != STOCK else "free")
    outcome = run(lab, CANDIDATE, path, inventory(lab, 10), timeout_s=170)

    assert outcome.run.rc == 0, outcome.run
    assert len(outcome.run.results(task="Foo short")) == len(outcome.run.results(task="Native")) == 200
    assert {result["result"]["stdout"] for result in outcome.run.results(task="Foo short")} == {"short\r\n"}
    if CANDIDATE != STOCK:
        assert outcome.statistics is not None
        counted = outcome.statistics["tasks"]
        assert (counted["native"], counted["forked"], counted["stock"]) == (400, 200, 0)


def test_workers_that_all_connect_at_once(lab: Lab, book: Book) -> None:
    """Workers are forked while the ssh clients of others are started."""
    outcome = run(lab, CANDIDATE, book.write(book.foo("short"), USABLE), inventory(lab, 10), timeout_s=60)

    assert outcome.run.rc == 0, outcome.run
    assert len(outcome.run.results(task="Usable")) == 10


@pytest.mark.parametrize("kind", ["native", "forked"])
def test_tasks_that_change_the_inventory_with_fewer_forks_than_hosts(lab: Lab, book: Book, kind: str) -> None:
    """From ansible-core 2.21 on such a task asks the main thread, which may be waiting for a free slot."""
    group = {"name": "Group", "ansible.builtin.group_by": {"key": "grouped"}}
    env = {"ANSIBLE_SVC_FORK_ACTIONS": "ansible.builtin.group_by"} if kind == "forked" else {}
    path = book.write(group)
    play = json.loads(path.read_text())[0]
    path.write_text(json.dumps([play, {**play, "hosts": "grouped", "tasks": [USABLE]}]))
    outcome = run(lab, CANDIDATE, path, inventory(lab, 6), forks=2, env=env, timeout_s=60)

    assert outcome.run.rc == 0, outcome.run
    assert len(outcome.run.results(task="Usable")) == 6
    assert outcome.run.wall_s < 30


def test_plays_leave_no_descriptor_behind(lab: Lab, book: Book) -> None:
    """Neither a play's own nor those of its workers; a long playbook would run out of them."""
    count = {"name": "Count", "ansible.builtin.debug": {"msg": "{{ lookup('pipe', 'ls /proc/$PPID/fd | wc -l') }}"}}
    path = book.write(count)
    play = json.loads(path.read_text())[0]
    path.write_text(json.dumps([{**play, "tasks": [book.foo("short"), count]} for _ in range(12)]))
    outcome = run(lab, CANDIDATE, path, inventory(lab, 1))

    counted = [int(result["result"]["msg"]) for result in outcome.run.results(task="Count")]
    assert len(counted) == 12, outcome.run
    assert min(counted[6:]) <= max(counted[:2]), counted


HELD_LOCKS = """
import os, sys, threading
import ansible_svc.engine.strategy, ansible_svc.engine.ssh_command, ansible_svc.engine.runtime
from ansible_svc.compat.fork_safety import guard_forks
guard_forks()
kinds = type(threading.Lock()), type(threading.RLock())
locks = {}
for module in list(sys.modules.values()):
    if getattr(module, "__name__", "").startswith(("ansible_svc.engine.", "ansible_svc.compat.")):
        locks.update({(module.__name__, name): one for name, one in vars(module).items() if isinstance(one, kinds)})
held = []
for name, lock in locks.items():
    taken, done = threading.Event(), threading.Event()

    def hold():
        with lock:
            taken.set()
            done.wait(0.5)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    pid = os.fork()
    if pid == 0:
        os._exit(0 if lock.acquire(timeout=0.2) else 1)
    done.set()
    thread.join()
    if os.waitpid(pid, 0)[1]:
        held.append(".".join(name))
print(len(locks), *held)
"""


def test_a_fork_holds_no_lock_that_the_child_needs(lab: Lab) -> None:
    """Of the locks that belong to a module that a worker runs; the Pool and its services stay with the parent."""
    told = subprocess.run(
        [sys.executable, "-c", HELD_LOCKS], env=lab.env(), capture_output=True, text=True, check=False, timeout=60
    )
    count, *held = told.stdout.split()
    assert int(count) >= 1, told.stderr
    assert held == [], told.stderr


# -- a worker that dies


@pytest.mark.parametrize("strategy", BOTH)
def test_a_worker_that_is_killed(lab: Lab, book: Book, strategy: str) -> None:
    begun = time.monotonic()
    outcome = run(lab, strategy, book.write(book.foo("die"), USABLE), inventory(lab, HOSTS), timeout_s=60)

    assert "A worker was found in a dead state" in outcome.run.stdout + outcome.run.stderr, outcome.run
    assert outcome.run.rc not in (0, 2)
    assert time.monotonic() - begun < 30
    assert not outcome.run.results(task="Usable")


def test_a_worker_that_is_killed_ends_what_it_waited_for(lab: Lab, book: Book) -> None:
    """Somebody kills one worker of a play; nothing of it stays on the managed host."""
    if CANDIDATE == STOCK:
        pytest.skip("linear leaves the process running")
    path = book.write(book.foo("sleep", command=f"kill -9 $(cat {book.folder}/worker); exec {SLEEP}"))
    source = (book.folder / "action_plugins" / "foo.py").read_text()
    note = f'        open("{book.folder}/worker", "w").write(str(os.getpid()))\n'
    marker = '        return self._low_level_execute_command(self._task.args["command"])\n'
    (book.folder / "action_plugins" / "foo.py").write_text(source.replace(marker, note + marker))
    outcome = run(lab, CANDIDATE, path, inventory(lab, 1), timeout_s=60)

    assert "A worker was found in a dead state" in outcome.run.stdout + outcome.run.stderr, outcome.run
    assert not processes.wait_gone(lab.processes(), 10)


def _ended(outcome: Outcome) -> Outcome:
    assert outcome.run.events, outcome.run
    return outcome
