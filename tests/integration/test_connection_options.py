# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to every way in which a user says how a host is reached."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import BOTH, CANDIDATE, NORMALISER, STOCK, Pair, both, inventory, run
from tests.lab import Lab

LIMIT_S = 60

WHERE: dict[str, Any] = {
    "name": "Where",
    "ansible.builtin.shell": 'echo "$(id -un) at $(echo $SSH_CONNECTION | cut -d" " -f3,4)"',
    "changed_when": False,
}

TASKS: list[dict[str, Any]] = [
    WHERE,
    {"name": "Copy", "ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/x", "mode": "0600"}},
]

FLAKY = """\
#!/usr/bin/python3
# Connect standard input and output to a host and port, but not the first time.
import os, select, socket, sys

try:
    os.close(os.open(sys.argv[1], os.O_CREAT | os.O_EXCL))
except FileExistsError:
    pass
else:
    sys.exit("not the first time")
line = socket.create_connection((sys.argv[2], int(sys.argv[3])))
while True:
    ready, _, _ = select.select([0, line], [], [])
    data = os.read(0, 65536) if 0 in ready else b""
    if 0 in ready:
        if not data:
            break
        line.sendall(data)
    if line in ready:
        data = line.recv(65536)
        if not data:
            break
        os.write(1, data)
"""


OPTIONS: dict[str, dict[str, Any]] = {
    "ansible_host": {"ansible_host": "127.0.7.7"},
    "ansible_ssh_host": {"ansible_host": None, "ansible_ssh_host": "127.0.7.7"},
    "a template": {"ansible_host": "{{ ['127.0', '7.7'] | join('.') }}"},
    "a port from a template": {"ansible_port": "{{ open_port }}"},
    "ansible_user": {"ansible_user": "svclab1"},
    "ssh": {"ansible_connection": "ssh"},
    "ansible.builtin.ssh": {"ansible_connection": "ansible.builtin.ssh"},
    "local": {"ansible_connection": "local"},
    "ansible.builtin.local": {"ansible_connection": "ansible.builtin.local"},
    "svc_ssh": {"ansible_connection": "svc_ssh"},
    "no pipelining": {"ansible_ssh_pipelining": False},
    "no terminal": {"ansible_ssh_use_tty": False},
    "piped transfers": {"ansible_ssh_transfer_method": "piped"},
    "a temporary directory": {"ansible_remote_tmp": "{{ workdir }}/tmp"},
    "ssh_args": {"ansible_ssh_args": "-o UserKnownHostsFile=HOSTS -o Compression=no"},
    "ssh_common_args": {"ansible_ssh_common_args": "-o ConnectTimeout=9 -o 'Compression=no'"},
    "ssh_extra_args": {"ansible_ssh_extra_args": "-o ServerAliveInterval=9 -4"},
    "ProxyCommand": {"ansible_ssh_common_args": "-o ProxyCommand='FORWARD %h %p'"},
}
"""What is said about one host of many."""


@pytest.fixture(scope="module")
def odd_hosts(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """Run TASKS on a host for each of OPTIONS."""
    _needs_accounts(lab)
    words = {
        "KEY": str(lab.sshd.client_key),
        "HOSTS": str(lab.sshd.known_hosts),
        "FORWARD": _forwarder(tmp_path_factory.mktemp("forward")),
    }
    hosts = {name: _fill(options, words) for name, options in zip(_names(), OPTIONS.values(), strict=True)}
    return both(lab, _play(TASKS), inventory(lab, len(OPTIONS), hosts), timeout_s=LIMIT_S, forks=len(OPTIONS))


@pytest.mark.parametrize("option", OPTIONS)
def test_an_option(odd_hosts: Pair, option: str) -> None:
    host = _names()[list(OPTIONS).index(option)]
    stock, ours = (
        [NORMALISER.event(event) for event in side.run.results(host=host)] for side in (odd_hosts.stock, odd_hosts.ours)
    )
    assert [event["event"] for event in stock] == ["runner_ok"] * len(TASKS), stock
    assert ours == stock


def test_all_options(odd_hosts: Pair) -> None:
    odd_hosts.assert_native()
    odd_hosts.assert_same_files()
    assert odd_hosts.ours.run.rc == odd_hosts.stock.run.rc


def test_a_reset_with_any_option_is_of_the_connection_that_tasks_have(lab: Lab, tmp_path: Path) -> None:
    _needs_accounts(lab)
    words = {"HOSTS": str(lab.sshd.known_hosts), "FORWARD": _forwarder(tmp_path)}
    hosts = {name: _fill(options, words) for name, options in zip(_names(), OPTIONS.values(), strict=True)}
    ping = {"name": "Reach", "ansible.builtin.ping": None}
    book = _play([ping, {"name": "Reset", "ansible.builtin.meta": "reset_connection"}, ping])

    outcome = run(lab, CANDIDATE, book, inventory(lab, len(OPTIONS), hosts), timeout_s=LIMIT_S, forks=len(OPTIONS))

    assert outcome.run.rc == 0, outcome.run
    if CANDIDATE != STOCK:
        assert outcome.statistics is not None
        # Some options make the same login. The controller itself is never reset.
        contexts = outcome.statistics["contexts"]
        assert contexts["connected"] > len(OPTIONS) / 2, contexts
        assert (contexts["attempts"], contexts["lost"]) == (2 * contexts["connected"] - 1, 0), contexts


def test_a_user_is_in_a_new_group_after_a_reset(lab: Lab) -> None:
    """What reset_connection is used for most."""
    _needs_accounts(lab)
    look = {"ansible.builtin.command": "id -Gn", "changed_when": False}
    local = {"delegate_to": "localhost", "changed_when": False}
    book = _play(
        [
            {"name": "Before", **look},
            {"name": "Add", "ansible.builtin.command": "gpasswd -a svclab2 games", **local},
            {"name": "As before", **look},
            {"name": "Reset", "ansible.builtin.meta": "reset_connection"},
            {"name": "After", **look},
            {"name": "Remove", "ansible.builtin.command": "gpasswd -d svclab2 games", **local},
        ]
    )
    pair = both(lab, book, inventory(lab, 1, ansible_user="svclab2"), timeout_s=LIMIT_S)

    pair.assert_equal()
    groups = {event["task"]: event["result"]["stdout"].split() for event in pair.ours.run.results()}
    assert ["games" in groups[task] for task in ("Before", "As before", "After")] == [False, False, True], groups


@pytest.mark.parametrize(
    ("variables", "args"),
    [
        pytest.param({"ansible_user": None}, ("-u", "svclab1"), id="user"),
        pytest.param({"ansible_user": "nobody-of-that-name"}, ("-e", "ansible_user=svclab1"), id="extra variable"),
        pytest.param({"ansible_ssh_private_key_file": None}, ("--private-key", "KEY"), id="key"),
        pytest.param({"ansible_ssh_private_key_file": None}, ("-e", "ansible_private_key_file=KEY"), id="key variable"),
        pytest.param({}, ("--connection", "local"), id="connection"),
        pytest.param({}, ("--ssh-common-args=-o User=nobody", "-u", "svclab1"), id="ssh_common_args"),
        pytest.param({}, ("--ssh-extra-args=-4", "--timeout=9"), id="ssh_extra_args"),
    ],
)
def test_an_option_of_the_command_line(lab: Lab, variables: dict[str, Any], args: tuple[str, ...]) -> None:
    _needs_accounts(lab)
    words = {"KEY": str(lab.sshd.client_key)}
    pair = both(
        lab, _play(TASKS), inventory(lab, 2, **variables), args=[_fill(arg, words) for arg in args], timeout_s=LIMIT_S
    )

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


def test_a_key_by_its_content(lab: Lab, tmp_path: Path) -> None:
    """ansible-core puts it into an agent, and does so again in any later task when it is no longer there."""
    agent = tmp_path / "agent"
    key = lab.sshd.client_key.read_text()
    hosts = inventory(lab, 1, ansible_ssh_private_key_file=None, ansible_ssh_private_key=key)
    remove = {
        "name": "Remove",
        "ansible.builtin.command": "ssh-add -D",
        "environment": {"SSH_AUTH_SOCK": str(agent)},
        "vars": {"ansible_connection": "local"},
    }
    tasks = [WHERE, {**WHERE, "name": "Again"}, remove, {**WHERE, "name": "Anew"}, remove]
    process = subprocess.Popen(["ssh-agent", "-D", "-a", agent], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        assert b"SSH_AUTH_SOCK" in process.stdout.readline()
        pair = both(
            lab,
            _play(tasks),
            hosts,
            args=["-vvv"],
            timeout_s=LIMIT_S,
            sections={"connection": {"ssh_agent": agent}},
        )
    finally:
        process.kill()
        process.communicate()

    assert pair.stock.run.rc == pair.ours.run.rc == 0, pair.ours.run
    said = [re.findall(r"SSH_AGENT \S+ \S+", side.run.stdout) for side in (pair.stock, pair.ours)]
    assert len(said[0]) == 3
    assert said[1] == said[0]
    pair.assert_native()


def test_svc_ssh_without_the_strategy(lab: Lab) -> None:
    """It is plain ssh then."""
    outcome = run(lab, "linear", _play(TASKS), inventory(lab, 2, ansible_connection="svc_ssh"), timeout_s=LIMIT_S)

    assert outcome.run.rc == 0, outcome.run
    assert len({event["result"]["stdout"] for event in outcome.run.results(task="Where")}) == 2


@pytest.mark.parametrize("strategy", BOTH)
def test_another_ssh_program(lab: Lab, tmp_path: Path, strategy: str) -> None:
    log = tmp_path / "log"
    program = _script(tmp_path / "my-ssh", f'#!/bin/sh\necho "$*" >> {log}\nexec ssh "$@"\n')
    hosts = inventory(lab, 2, {"host02": {"ansible_ssh_executable": program}})
    outcome = run(lab, strategy, _play(TASKS), hosts, timeout_s=LIMIT_S)

    assert outcome.run.rc == 0, outcome.run
    outcome.assert_native()
    called = log.read_text()
    assert "127.0.1.2" in called
    assert "127.0.1.1" not in called


def test_an_unknown_host_key_when_checking_is_off(lab: Lab) -> None:
    hosts = inventory(lab, 2, {"host02": {"ansible_host": "localhost"}})
    sections = {"ssh_connection": {"ssh_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"}}
    pair = both(lab, _play(TASKS), hosts, timeout_s=LIMIT_S, host_key_checking=False, sections=sections)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


@pytest.mark.parametrize("name", ["ansible_host_key_checking", "ansible_ssh_host_key_checking"])
def test_an_unknown_host_key_when_checking_is_off_for_one_host(lab: Lab, name: str) -> None:
    unknown = {"ansible_host": "localhost", "ansible_ssh_args": "-o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"}
    hosts = inventory(lab, 3, {"host02": {**unknown, name: False}, "host03": unknown})
    pair = both(lab, _play(TASKS), hosts, timeout_s=LIMIT_S)

    for outcome in (pair.stock, pair.ours):
        ends = [outcome.run.results(host=host)[-1]["event"] for host in ("host01", "host02", "host03")]
        assert ends == ["runner_ok", "runner_ok", "runner_unreachable"], outcome.run
    pair.assert_native()


def test_a_jump_through_another_host(lab: Lab, tmp_path: Path) -> None:
    config = tmp_path / "ssh_config"
    config.write_text(
        f"Host jump\n  HostName 127.0.9.9\n  Port {lab.sshd.port}\n  User {lab.user}\n"
        f"Host *\n  IdentityFile {lab.sshd.client_key}\n  UserKnownHostsFile {lab.sshd.known_hosts}\n"
        "  GlobalKnownHostsFile /dev/null\n"
    )
    jump = f"-F {config} -o ProxyJump=jump"
    came_from = {
        "name": "Came from",
        "ansible.builtin.shell": "echo $SSH_CONNECTION | cut -d' ' -f1,3",
        "changed_when": False,
    }
    hosts = inventory(lab, 2, {"host02": {"ansible_ssh_common_args": jump}})
    pair = both(lab, _play([*TASKS, came_from]), hosts, timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


@pytest.mark.parametrize("strategy", BOTH)
def test_a_jump_that_is_not_there(lab: Lab, strategy: str) -> None:
    hosts = inventory(lab, 2, {"host02": {"ansible_ssh_common_args": "-o ProxyJump=127.0.9.9:1"}})
    outcome = run(lab, strategy, _play(TASKS), hosts, timeout_s=LIMIT_S)

    assert [event["event"] for event in outcome.run.results(host="host02")] == ["runner_unreachable"], outcome.run
    assert [event["event"] for event in outcome.run.results(host="host01")] == ["runner_ok"] * 2
    assert outcome.run.rc == 4


@pytest.mark.parametrize("strategy", BOTH)
def test_a_second_try(lab: Lab, tmp_path: Path, strategy: str) -> None:
    """`retries` connects again, and without it the first failure counts."""
    flaky = _script(tmp_path / "flaky", FLAKY)
    for retries, end in ((2, "runner_ok"), (0, "runner_unreachable")):
        once = tmp_path / f"once-{strategy}-{retries}"
        arguments = f"-o ProxyCommand='{flaky} {once} %h %p'"
        variables = {"ansible_ssh_common_args": arguments, "ansible_ssh_retries": retries}
        outcome = run(lab, strategy, _play([WHERE]), inventory(lab, 1, **variables), timeout_s=LIMIT_S)

        assert [event["event"] for event in outcome.run.results()] == [end], outcome.run
        assert once.exists()


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Listen on a port, and never say anything."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize("strategy", BOTH)
@pytest.mark.parametrize("variables", [{"ansible_ssh_timeout": 2}, {"ansible_timeout": "2"}], ids=str)
def test_a_host_that_says_nothing(lab: Lab, silent_port: int, strategy: str, variables: dict[str, Any]) -> None:
    silent = {"ansible_host": "127.0.0.1", "ansible_port": silent_port, **variables}
    begun = time.monotonic()
    outcome = run(lab, strategy, _play(TASKS), inventory(lab, 2, {"host02": silent}), timeout_s=LIMIT_S)

    assert [event["event"] for event in outcome.run.results(host="host02")] == ["runner_unreachable"], outcome.run
    assert [event["event"] for event in outcome.run.results(host="host01")] == ["runner_ok"] * 2
    # Ansible's own limit is ten seconds.
    assert time.monotonic() - begun < 10


COUNTED_SSH = """\
#!/usr/bin/python3
import fcntl, os, sys, time

log = os.open({log!r}, os.O_RDWR | os.O_CREAT | os.O_APPEND)


def tell(change):
    fcntl.flock(log, fcntl.LOCK_EX)
    os.write(log, change)
    fcntl.flock(log, fcntl.LOCK_UN)


tell(b"+")
limit = time.monotonic() + 20
while os.pread(log, 1000, 0).count(b"+") < {together} and time.monotonic() < limit:
    time.sleep(0.01)
tell(b"-")
os.execvp("ssh", ["ssh", *sys.argv[1:]])
"""


def test_as_many_connections_are_made_at_a_time_as_there_are_forks(lab: Lab, tmp_path: Path) -> None:
    """The first ssh clients wait for each other, so they pass in time only if they are there at the same time."""
    forks, log = 4, tmp_path / "log"
    program = _script(tmp_path / "ssh", COUNTED_SSH.format(log=str(log), together=forks))
    hosts = inventory(lab, 8, ansible_ssh_executable=program)
    outcome = run(lab, CANDIDATE, _play([WHERE]), hosts, timeout_s=LIMIT_S, forks=forks)

    assert outcome.run.rc == 0, outcome.run
    told = log.read_text()
    assert told.startswith("+" * forks), told
    assert told.count("+") == told.count("-") == 8, "one connection for each host"


SLOW_SUDO = """\
#!/bin/sh
sleep 45
exec sudo "$@"
"""


@pytest.mark.parametrize("what", ["connecting", "becoming"])
def test_the_limit_of_a_task_passes_while(lab: Lab, tmp_path: Path, silent_port: int, what: str) -> None:
    """Its error is the task's, and not that of the connection, which has more time."""
    slow = {
        "connecting": {"ansible_host": "127.0.0.1", "ansible_port": silent_port},
        "becoming": {
            "ansible_become": True,
            "ansible_become_user": "nobody",
            "ansible_become_exe": _script(tmp_path / "sudo", SLOW_SUDO),
        },
    }[what]
    limited = [{**task, "timeout": 2} for task in TASKS[:1]]
    hosts = inventory(lab, 2, {"host02": slow}, ansible_timeout=40)
    pair = both(lab, _play(limited), hosts, timeout_s=LIMIT_S)

    for side in (pair.stock, pair.ours):
        assert [event["event"] for event in side.run.results(host="host01")] == ["runner_ok"], side.run
        [late] = side.run.results(host="host02")
        assert (late["event"], late["result"]["msg"]) == ("runner_failed", "Task failed: Timed out after 2 second(s).")
        [started] = [
            event for event in side.run.events if event["event"] == "runner_start" and event["host"] == "host02"
        ]
        assert late["at"] - started["at"] < 20
    assert pair.ours.run.rc == pair.stock.run.rc


@pytest.fixture
def password_hosts(lab: Lab) -> dict[str, Any]:
    """Return the variables of a host that takes a password and no key."""
    _needs_accounts(lab)
    return {
        "ansible_user": "svclab1",
        "ansible_ssh_private_key_file": None,
        "ansible_ssh_common_args": "-o PubkeyAuthentication=no -o PreferredAuthentications=password",
    }


@pytest.mark.parametrize("name", ["ansible_password", "ansible_ssh_pass", "ansible_ssh_password"])
def test_a_password(lab: Lab, password_hosts: dict[str, Any], name: str) -> None:
    password = lab.accounts["svclab1"].password
    pair = both(lab, _play(TASKS), inventory(lab, 2, **password_hosts, **{name: password}), timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()
    for outcome in (pair.stock, pair.ours):
        assert password not in outcome.run.stdout + outcome.run.stderr + str(outcome.statistics)


def test_a_wrong_password(lab: Lab, password_hosts: dict[str, Any]) -> None:
    hosts = inventory(lab, 2, {"host02": {**password_hosts, "ansible_password": "wrong"}})
    _assert_one_is_unreachable(both(lab, _play(TASKS), hosts, timeout_s=LIMIT_S))


def test_a_missing_password(lab: Lab, password_hosts: dict[str, Any]) -> None:
    hosts = inventory(lab, 2, {"host02": password_hosts})
    _assert_one_is_unreachable(both(lab, _play(TASKS), hosts, timeout_s=LIMIT_S))


def test_the_login_changes_from_task_to_task(lab: Lab) -> None:
    """Each task is served by the connection that its own options name."""
    _needs_accounts(lab)
    tasks = [
        {**WHERE, "name": "As it is"},
        {**WHERE, "name": "Another user", "vars": {"ansible_user": "svclab1"}},
        {**WHERE, "name": "Another address", "vars": {"ansible_host": "127.0.7.7"}},
        {**WHERE, "name": "On the controller", "connection": "local"},
        {**WHERE, "name": "In a loop", "vars": {"ansible_user": "{{ item }}"}, "loop": ["svclab1", "svclab3"]},
        {**WHERE, "name": "As it was"},
    ]
    pair = both(lab, _play(tasks), inventory(lab, 2), timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


@pytest.mark.parametrize("keyword", [{"remote_user": "svclab1"}, {"port": 0}])
def test_a_keyword(lab: Lab, keyword: dict[str, Any]) -> None:
    _needs_accounts(lab)
    keyword = {name: value or lab.sshd.port for name, value in keyword.items()}
    hosts = inventory(lab, 2, ansible_user=None, ansible_port=None if "port" in keyword else lab.sshd.port)
    pair = both(lab, [{**_play(TASKS)[0], **keyword}], hosts, timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


def _assert_one_is_unreachable(pair: Pair) -> None:
    for outcome in (pair.stock, pair.ours):
        assert [event["event"] for event in outcome.run.results(host="host02")] == ["runner_unreachable"], outcome.run
        assert [event["event"] for event in outcome.run.results(host="host01")] == ["runner_ok"] * 2
    assert pair.stock.run.rc == pair.ours.run.rc == 4
    pair.assert_native()


def _names() -> list[str]:
    return [f"host{number:02d}" for number in range(1, len(OPTIONS) + 1)]


def _play(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": "Connections", "hosts": "all", "gather_facts": False, "tasks": tasks}]


def _script(path: Path, text: str) -> str:
    path.write_text(text)
    path.chmod(0o755)
    return str(path)


def _forwarder(tmp_path: Path) -> str:
    """Return a command that takes a host and a port and connects to them, each time."""
    program = _script(tmp_path / "forward", FLAKY)
    there = tmp_path / "there"
    there.touch()
    return f"{shlex.quote(program)} {shlex.quote(str(there))}"


def _fill(value: Any, words: dict[str, str]) -> Any:
    """Replace the words in capitals that stand for paths of this lab."""
    if isinstance(value, dict):
        return {key: _fill(inner, words) for key, inner in value.items()}
    if isinstance(value, str):
        for word, path in words.items():
            value = value.replace(word, path)
    return value


def _needs_accounts(lab: Lab) -> None:
    if not lab.accounts:
        pytest.skip("only root can make the lab's accounts")
