# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to linear's answers to wrong input: the same message, the same exit code, and no hanging.

Mistakes that one task or one host can make are made side by side in one run, and looked at one by one.
"""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.integration.outputs import assert_same_lines, level
from tests.integration.twin import BROKEN_PIPE, Pair, both, inventory
from tests.lab import Lab

LIMIT_S = 90

Task = dict[str, Any]
Variables = dict[str, Any]

COMMAND: Task = {"ansible.builtin.command": "echo fine", "changed_when": False}
UNDEFINED = "{{ no_such_variable }}"

TASKS: dict[str, Task] = {
    "wrong type of an option": {"ansible.builtin.stat": {"path": "/", "follow": "perhaps"}},
    "wrong choice": {"ansible.builtin.file": {"path": "/tmp", "state": "wrong"}},
    "unknown option": {"ansible.builtin.ping": {"no_such_option": 1}},
    "missing option": {"ansible.builtin.slurp": {}},
    "exclusive options": {"ansible.builtin.copy": {"src": "a", "content": "b", "dest": "/x"}},
    "bad mode": {"ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/x", "mode": "u~x"}},
    "a source that is not there": {"ansible.builtin.copy": {"src": "no-such-file", "dest": "/x"}},
    "a source that cannot be read": {"ansible.builtin.copy": {"src": "/proc/self/mem", "dest": "{{ workdir }}/x"}},
    "a template that cannot be read": {"ansible.builtin.template": {"src": "/proc/self/mem", "dest": "/x"}},
    "a script that cannot be read": {"ansible.builtin.script": "/proc/self/mem"},
    "a directory that cannot be written": {"ansible.builtin.copy": {"content": "x", "dest": "/proc/x"}},
    "a file to fetch that is not there": {"ansible.builtin.fetch": {"src": "/no/such", "dest": "/x"}},
    "a template that is not there": {"ansible.builtin.template": {"src": "no.j2", "dest": "/x"}},
    "a filter that does not exist": {"ansible.builtin.debug": {"msg": "{{ 1 | no_such_filter }}"}},
    "a syntax error": {"ansible.builtin.debug": {"msg": "{{ 1 + }}"}},
    "a lookup that fails": {"ansible.builtin.debug": {"msg": "{{ lookup('file', 'no-such') }}"}},
    "a lookup that does not exist": {"ansible.builtin.debug": {"msg": "{{ lookup('no_such') }}"}},
    "an undefined variable": {"ansible.builtin.command": f"echo {UNDEFINED}"},
    "an undefined option": {"ansible.builtin.stat": {"path": UNDEFINED}},
    "an undefined condition": {**COMMAND, "when": "no_such_variable"},
    "a condition that is no boolean": {**COMMAND, "when": "'text'"},
    "an undefined loop": {**COMMAND, "loop": UNDEFINED},
    "a loop over no list": {**COMMAND, "loop": "{{ 7 }}"},
    "an undefined delegate": {**COMMAND, "delegate_to": UNDEFINED},
    "an undefined environment": {**COMMAND, "environment": {"WORD": UNDEFINED}},
    "an undefined failed_when": {**COMMAND, "failed_when": "no_such_variable"},
    "an undefined changed_when": {**COMMAND, "changed_when": "no_such_variable"},
    "an undefined until": {**COMMAND, "until": "no_such_variable", "retries": 1, "delay": 0},
    "an undefined user": {**COMMAND, "become": True, "become_user": UNDEFINED},
    "an undefined interpreter": {"ansible.builtin.ping": {}, "vars": {"ansible_python_interpreter": UNDEFINED}},
    "a limit that is no number": {**COMMAND, "timeout": "{{ 'soon' }}"},
}
"""Tasks that fail by a mistake of their own."""

HOSTS: dict[str, Variables] = {
    "an undefined variable of one host": {"word": UNDEFINED},
    "a key that is not there": {"ansible_ssh_private_key_file": "/no/such/key"},
    "a key that is no key": {"ansible_ssh_private_key_file": "/etc/hostname"},
    "an unknown host key": {"ansible_host": "localhost"},
    # No name, so nobody is asked for its address.
    "an address that is none": {"ansible_host": "no such host"},
    "a closed port": {"ansible_port": 1},
    "a port that is no number": {"ansible_port": "ssh-port"},
    "a user who is not there": {"ansible_user": "nobody-of-that-name"},
    "a connection plugin that does not exist": {"ansible_connection": "no_such_connection"},
    "a shell plugin that does not exist": {"ansible_shell_type": "no_such_shell"},
    "an ssh option that does not exist": {"ansible_ssh_common_args": "-o NoSuchOption=yes"},
    "an ssh program that is not there": {"ansible_ssh_executable": "/no/such/ssh"},
    "a timeout that is no number": {"ansible_ssh_timeout": "soon"},
    "a become method that does not exist": {"ansible_become": True, "ansible_become_method": "no_such_method"},
    "a become user that does not exist": {"ansible_become": True, "ansible_become_user": "nobody-of-that-name"},
    "a become program that is not there": {"ansible_become": True, "ansible_become_exe": "/no/such/sudo"},
    "become that is no boolean": {"ansible_become": "perhaps"},
    "an interpreter that is not there": {"ansible_python_interpreter": "/no/such/python"},
    "an interpreter that is no Python": {"ansible_python_interpreter": "/bin/cat"},
    "an interpreter that fails": {"ansible_python_interpreter": "/bin/false"},
    "an interpreter that is a directory": {"ansible_python_interpreter": "/etc"},
}
"""What is wrong with one host of many."""

WELL = "host01"

NO_CONNECTION = re.compile(
    r'Failed to connect to the host via ssh: |Data could not be sent to remote host "[^"]*"\. '
    r"Make sure this host can be reached over ssh: "
)
"""Which of the two linear says depends on whether ssh ends before or after a module was written to it."""

PLAYS: dict[str, dict[str, Any]] = {
    "a module that does not exist": {"tasks": [{"no_such_module": {}}]},
    "a module of a collection that does not exist": {"tasks": [{"no.such.module": {}}]},
    "a keyword that does not exist": {"tasks": [{**COMMAND, "no_such_keyword": 1}]},
    "two modules in one task": {"tasks": [{**COMMAND, "ansible.builtin.ping": {}}]},
    "a role that does not exist": {"roles": ["no_such_role"]},
    "a file of tasks that is not there": {"tasks": [{"ansible.builtin.import_tasks": "no-such-file.yml"}]},
    "an undefined serial": {"serial": UNDEFINED, "tasks": [COMMAND]},
    "a handler that does not exist": {"tasks": [{**COMMAND, "changed_when": True, "notify": "No such handler"}]},
    "a strategy that does not exist": {"strategy": "no_such_strategy", "tasks": [COMMAND]},
    "a connection that does not exist": {"connection": "no_such_connection", "tasks": [COMMAND]},
}
"""Plays that end the whole run."""


@pytest.fixture(scope="module")
def mistakes(lab: Lab) -> Pair:
    """Make all mistakes of TASKS on two hosts."""
    tasks = [{"name": name, **task, "ignore_errors": True} for name, task in TASKS.items()]
    return both(lab, [_play(tasks=tasks)], inventory(lab, 2), timeout_s=LIMIT_S)


@pytest.fixture(scope="module")
def odd_hosts(lab: Lab) -> Pair:
    """Run two tasks on one good host and on one host for each mistake of HOSTS."""
    tasks = [
        {"name": "Task", "ansible.builtin.command": "echo {{ word }}", "changed_when": False},
        {"name": "Next task", "ansible.builtin.ping": {}},
    ]
    names = dict(zip(_names(), HOSTS.values(), strict=True))
    hosts = inventory(lab, len(HOSTS) + 1, names, word="fine")
    return both(lab, [_play(tasks=tasks)], hosts, timeout_s=LIMIT_S, forks=len(HOSTS) + 1)


@pytest.mark.parametrize("mistake", TASKS)
def test_a_task_with_a_mistake(mistakes: Pair, mistake: str) -> None:
    stock, ours = (
        [_answer(event) for event in side.run.results(task=mistake)] for side in (mistakes.stock, mistakes.ours)
    )
    assert len(stock) == 2, mistakes.stock.run
    assert sorted(ours, key=str) == sorted(stock, key=str)


def test_all_tasks_with_mistakes(mistakes: Pair) -> None:
    mistakes.assert_equal()
    mistakes.assert_native()


@pytest.mark.parametrize("mistake", HOSTS)
def test_a_host_with_a_mistake(odd_hosts: Pair, mistake: str) -> None:
    host = _names()[list(HOSTS).index(mistake)]
    stock, ours = (
        [_answer(event) for event in side.run.results(host=host)] for side in (odd_hosts.stock, odd_hosts.ours)
    )
    assert stock, odd_hosts.stock.run
    if any(BROKEN_PIPE in message for _kind, message, *_more in stock):
        # ssh was gone before ansible-core gave it the module, and ansible-core did not read what ssh had to say
        stock, ours = ([answer[0] for answer in side] for side in (stock, ours))
    assert ours == stock


def test_all_hosts_with_mistakes(odd_hosts: Pair) -> None:
    for outcome in (odd_hosts.stock, odd_hosts.ours):
        assert [event["event"] for event in outcome.run.results(host=WELL)] == ["runner_ok"] * 2, outcome.run
    assert odd_hosts.ours.run.rc == odd_hosts.stock.run.rc
    assert odd_hosts.ours.run.events[-1] | {"at": 0} == odd_hosts.stock.run.events[-1] | {"at": 0}
    odd_hosts.assert_native("no_such_connection", "no_such_method", "no_such_shell")


@pytest.mark.parametrize("mistake", PLAYS)
def test_a_play_with_a_mistake(lab: Lab, mistake: str) -> None:
    pair = both(lab, [_play(**PLAYS[mistake])], inventory(lab, 2), timeout_s=LIMIT_S)

    assert pair.stock.run.rc == pair.ours.run.rc != 0, f"{pair.stock.run}\n{pair.ours.run}"
    assert_same_lines(pair.stock.run.stdout, pair.ours.run.stdout, "standard output")
    assert_same_lines(pair.stock.run.stderr, pair.ours.run.stderr, "standard error")


@pytest.mark.parametrize(
    "args",
    [
        ("-e", "@no-such-file.yml"),
        ("--vault-password-file", "no-such-file"),
        ("--tags",),
        ("--forks", "many"),
        ("--no-such-option",),
        ("--private-key", "/no/such/key"),
        ("--become-method", "no_such_method", "--become"),
        ("--connection", "no_such_connection"),
    ],
    ids=" ".join,
)
def test_a_wrong_option(lab: Lab, args: tuple[str, ...]) -> None:
    hosts = inventory(lab, 2, ansible_ssh_private_key_file=None)
    pair = both(lab, [_play(tasks=[COMMAND])], hosts, args=args, timeout_s=LIMIT_S)

    assert pair.stock.run.rc == pair.ours.run.rc != 0, f"{pair.stock.run}\n{pair.ours.run}"
    messages = [{str(_answer(event)) for event in side.run.results()} for side in (pair.stock, pair.ours)]
    assert messages[0] == messages[1]


def _play(**keywords: Any) -> dict[str, Any]:
    return {"name": "Mistakes", "hosts": "all", "gather_facts": False, **keywords}


def _names() -> list[str]:
    """Return the names of the hosts with a mistake."""
    return [f"host{number:02d}" for number in range(2, len(HOSTS) + 2)]


def _answer(event: dict[str, Any]) -> tuple[str, str, Any, str]:
    """Return what a user is told: the kind of result, the message, the return code and the output of the module."""
    result = event["result"]
    told = "".join(str(result.get(name, "")) for name in ("module_stdout", "module_stderr"))
    if "_ANSIBALLZ_WRAPPER" in told:
        # An interpreter that is /bin/cat prints the module, which has the time in it.
        told = "the module"
    message = NO_CONNECTION.sub("No connection: ", str(result.get("msg")))
    # What goes through sudo's terminal has carriage returns in it, and what goes through a pipe has not.
    return event["event"], level(message), result.get("rc"), level(told).replace("\r\n", "\n")
