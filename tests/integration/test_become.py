# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to linear's ways of becoming another user.

svclab1 may sudo without a password, svclab2 with its own, svclab3 not at all.
"""

from __future__ import annotations

import subprocess
import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.integration.outputs import level
from tests.integration.twin import CANDIDATE, PLAYBOOKS, PYTHON, STOCK, Pair, both, inventory, run
from tests.lab import Lab, processes

LIMIT_S = 60

COMMANDS: list[dict[str, Any]] = [
    {"name": "Who", "ansible.builtin.command": "id -un", "changed_when": False},
    {"name": "Where", "ansible.builtin.shell": 'echo "$HOME $USER $LOGNAME"', "changed_when": False},
    {"name": "File", "ansible.builtin.file": {"path": "{{ workdir }}/dir", "state": "directory", "mode": "0750"}},
]

TASKS = [
    *COMMANDS,
    {"name": "Write", "ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/x", "mode": "0640"}},
    {"name": "Read", "ansible.builtin.slurp": {"src": "{{ workdir }}/x"}},
    {"name": "Fetch", "ansible.builtin.fetch": {"src": "{{ workdir }}/x", "dest": "{{ shared_dir }}/fetched"}},
    {
        "name": "Template",
        "ansible.builtin.template": {
            "src": str(PLAYBOOKS / "templates" / "greeting.j2"),
            "dest": "{{ workdir }}/t",
            "mode": "0600",
        },
    },
]


@pytest.fixture(autouse=True)
def accounts(lab: Lab) -> None:
    if not lab.accounts:
        pytest.skip("only root can make the lab's accounts")


@pytest.mark.parametrize(
    ("login", "user"),
    [
        pytest.param("root", "svclab1", id="root to a user"),
        pytest.param("root", "root", id="root to root"),
        pytest.param("svclab1", "root", id="a user to root"),
        pytest.param("svclab1", "svclab1", id="a user to itself"),
    ],
)
def test_without_a_password(lab: Lab, login: str, user: str) -> None:
    pair = _both(lab, login, user)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()
    assert {event["result"]["stdout"] for event in pair.ours.run.results(task="Who")} == {user}


def test_a_user_to_another_user(lab: Lab) -> None:
    """Modules alone need no file that both users can read."""
    pair = _both(lab, "svclab1", "svclab3", COMMANDS)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()
    assert {event["result"]["stdout"] for event in pair.ours.run.results(task="Who")} == {"svclab3"}


def test_a_user_to_another_user_with_files(lab: Lab) -> None:
    """What linear does only with temporary files that the whole world may read, and with a warning, works all the same.

    The warning is about what linear does, so standard error is not compared.
    """
    pair = _both(lab, "svclab1", "svclab3", ansible_shell_allow_world_readable_temp=True)

    assert pair.stock.run.rc == pair.ours.run.rc == 0, f"{pair.stock.run}\n{pair.ours.run}"
    pair.assert_same_files()
    stock, ours = (
        [(event["task"], event["host"], event["event"], event["result"].get("changed")) for event in side.run.results()]
        for side in (pair.stock, pair.ours)
    )
    assert ours == stock
    pair.assert_native()


@pytest.mark.parametrize(("user", "tasks"), [("root", TASKS), ("svclab3", COMMANDS)], ids=["root", "svclab3"])
def test_with_a_password(lab: Lab, user: str, tasks: list[dict[str, Any]]) -> None:
    pair = _both(lab, "svclab2", user, tasks, ansible_become_password=lab.accounts["svclab2"].password)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()
    assert {event["result"]["stdout"] for event in pair.ours.run.results(task="Who")} == {user}


def test_the_password_is_never_shown(lab: Lab) -> None:
    password = lab.accounts["svclab2"].password
    pair = _both(lab, "svclab2", "root", COMMANDS, args=("-vvvv",), ansible_become_password=password)

    for outcome in (pair.stock, pair.ours):
        assert outcome.run.rc == 0, outcome.run
        assert password not in outcome.run.stdout + outcome.run.stderr + str(outcome.statistics)


@pytest.mark.parametrize(
    ("login", "variables"),
    [
        pytest.param("svclab2", {"ansible_become_password": "wrong"}, id="wrong password"),
        pytest.param("svclab2", {}, id="missing password"),
        pytest.param("svclab3", {"ansible_become_password": "{{ its_password }}"}, id="not in sudoers"),
        pytest.param("svclab3", {}, id="not in sudoers, no password"),
    ],
)
def test_a_refusal(lab: Lab, login: str, variables: dict[str, str]) -> None:
    pair = _both(lab, login, "root", COMMANDS, its_password=lab.accounts[login].password, **variables)

    assert pair.stock.run.rc == pair.ours.run.rc != 0, f"{pair.stock.run}\n{pair.ours.run}"
    stock, ours = (
        sorted((event["event"], event["host"], level(event["result"]["msg"])) for event in side.run.results())
        for side in (pair.stock, pair.ours)
    )
    assert ours == stock


def test_from_task_to_task(lab: Lab) -> None:
    """Become, do not become, become somebody else, become nobody, on one connection."""
    who = {"ansible.builtin.command": "id -un", "changed_when": False}
    tasks: list[dict[str, Any]] = [
        {"name": "Myself", **who},
        {"name": "Root", **who, "become": True},
        {"name": "Another", **who, "become": True, "become_user": "svclab3"},
        {"name": "Myself again", **who},
        {"name": "A loop", **who, "become": True, "become_user": "{{ item }}", "loop": ["root", "svclab2", "svclab3"]},
        {
            "name": "A block",
            "become": True,
            "become_user": "svclab2",
            "block": [{"name": "Inherited", **who}, {"name": "Overridden", **who, "become": False}],
        },
        {"name": "Raw", "ansible.builtin.raw": "id -un", "become": True, "changed_when": False},
        {"name": "Delegated", **who, "become": True, "become_user": "svclab3", "delegate_to": "host01"},
    ]
    pair = both(lab, [_play(tasks)], inventory(lab, 2, ansible_user="svclab1"), timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


def test_on_the_controller(lab: Lab) -> None:
    tasks = [
        {"name": "Local", "ansible.builtin.command": "id -un", "changed_when": False, "delegate_to": "localhost"},
        {
            "name": "Local, somebody else",
            "ansible.builtin.command": "id -un",
            "changed_when": False,
            "delegate_to": "localhost",
            "become": True,
            "become_user": "svclab3",
            # The controller's own may be out of that user's reach.
            "vars": {"ansible_python_interpreter": PYTHON},
        },
    ]
    pair = both(lab, [_play(tasks)], inventory(lab, 2), timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


def test_with_another_method(lab: Lab) -> None:
    """What svc_linear does not know is left to stock code, and works as it does there."""
    tasks = [{"name": "Who", "ansible.builtin.command": "id -un", "changed_when": False}]
    keywords = {"become": True, "become_method": "su", "become_user": "svclab1"}
    book = [{**_play(tasks), "name": "su"} | keywords, _play([{"name": "Native", "ansible.builtin.ping": {}}])]
    pair = both(lab, book, inventory(lab, 2), timeout_s=LIMIT_S)

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native("become plugin su")


@pytest.mark.parametrize("flags", ["-H -S -n", "-H -S -n -E", "-i"])
def test_with_other_flags(lab: Lab, flags: str) -> None:
    pair = _both(lab, "svclab1", "root", COMMANDS, ansible_become_flags=flags)

    pair.assert_equal()


def _both(
    lab: Lab,
    login: str,
    user: str,
    tasks: list[dict[str, Any]] = TASKS,
    args: tuple[str, ...] = (),
    **variables: Any,
) -> Pair:
    play = {**_play(tasks), "become": True, "become_user": user}
    hosts = inventory(lab, 1, ansible_user=login, greeting="hello", **variables)
    return both(lab, [play], hosts, args=args, timeout_s=LIMIT_S)


def _play(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "Become", "hosts": "all", "gather_facts": False, "tasks": tasks}


def test_a_user_that_is_changed_and_removed_after_it_was_used(lab: Lab) -> None:
    """What svc has logged in neither keeps an account in use nor keeps its old groups."""
    name = "svclabgone"
    user: dict[str, Any] = {"become": False, "ansible.builtin.user": {"name": name}}
    groups = {"name": "Groups", "ansible.builtin.command": "id -Gn", "changed_when": False}
    more = {**user["ansible.builtin.user"], "groups": "users", "append": True}
    gone = {"name": name, "state": "absent", "remove": True}
    play = {
        "hosts": "all",
        "gather_facts": False,
        "become_user": name,
        "become": True,
        "tasks": [
            {"name": "Make", **user},
            {
                "block": [groups, {"name": "Add", **user, "ansible.builtin.user": more}, groups],
                "always": [{"name": "Remove", **user, "ansible.builtin.user": gone}],
            },
        ],
    }

    pair = both(lab, [play], inventory(lab, 1))

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()
    assert [event["result"]["stdout"] for event in pair.ours.run.results(task="Groups")] == [name, f"{name} users"]


def test_a_become_program_that_takes_too_long(lab: Lab, tmp_path: Path) -> None:
    slow = tmp_path / "slow"
    slow.write_text('#!/bin/sh\nsleep 6\nexec sudo "$@"\n')
    slow.chmod(0o755)
    task = {**COMMANDS[0], "become": True, "become_user": "svclab1", "become_exe": str(slow)}
    task["ignore_unreachable"] = True
    play = {"hosts": "all", "gather_facts": False, "tasks": [task, COMMANDS[0]]}

    pair = both(lab, [play], inventory(lab, 1, ansible_timeout=1))

    pair.assert_equal()
    pair.assert_native()
    late = pair.ours.run.results(task="Who")[0]
    assert late["result"]["msg"] == "Task failed: Timeout (3s) waiting for privilege escalation prompt:"


POISON = """
import hashlib, marshal, sys
evil = "import marshal, os\\nos.geteuid() or open(%r, 'a').close()\\nexec(marshal.loads(%r))"

def poisoned(code, path):
    return compile(evil % (sys.argv[1], marshal.dumps(code)), path, "exec")

for path in sys.argv[2:]:
    with open(path, "r+b") as file:
        kept = file.read()
        if "/blobs/" in path:
            poison = b"raise SystemExit('poisoned')"
        else:
            first, codes = marshal.loads(kept[32:])
            if "/code/" in path:
                codes = {key: poisoned(code, key[1]) for key, code in codes.items()}
            else:
                codes = {name: (package, poisoned(code, name)) for name, (package, code) in codes.items()}
            poison = marshal.dumps((first, codes))
            poison = hashlib.sha256(poison).digest() + poison
        file.seek(0)
        file.truncate()
        file.write(poison)
"""
"""Make every kept file one that tells, when root runs it. What is compiled stays whole, so its owner trusts it."""


def test_root_trusts_nothing_of_another_user(lab: Lab, tmp_path: Path) -> None:
    """Not even when sudo has kept that user's HOME; and it leaves nothing there."""
    if CANDIDATE == STOCK:
        pytest.skip("linear keeps no code on hosts")
    home = lab.accounts["svclab1"].home
    (tmp_path / "library").mkdir()
    # Nobody has this module yet, so root's agent has to get it from the login's.
    own = (
        "from ansible.module_utils.basic import AnsibleModule\nAnsibleModule(argument_spec={{}}).exit_json(said='{}')\n"
    )
    (tmp_path / "library" / "own.py").write_text(own.format(uuid.uuid4()))
    where = {"name": "Where", "ansible.builtin.shell": "echo $(id -un) $HOME", "changed_when": False}
    tasks = [{"name": "Own", "own": {}}, where, COMMANDS[2]]
    hosts = inventory(lab, 1, ansible_user="svclab1", ansible_become_flags="-S -n -E")
    options: dict[str, Any] = {"library": tmp_path / "library", "timeout_s": LIMIT_S}
    first = run(lab, CANDIDATE, [_play(tasks)], hosts, **options)
    assert first.run.rc == 0, first.run
    assert not processes.wait_gone(lab.processes(), LIMIT_S)  # agents write to their end
    kept = [path for path in (home / ".cache" / "ansible_svc").rglob("*") if path.is_file()]
    assert {path.parent.name for path in kept} == {"ansible_svc", "blobs", "code"}
    told = tmp_path / "told"
    subprocess.run([PYTHON, "-c", POISON, told, *kept], check=True)

    second = run(lab, CANDIDATE, [{**_play(tasks), "become": True}, _play(tasks)], hosts, **options)

    assert second.run.rc == 0, second.run
    said = [event["result"].get("stdout") for event in second.run.results(task="Where")]
    assert said == [f"root {home}", f"svclab1 {home}"]
    words = [event["result"]["said"] for outcome in (first, second) for event in outcome.run.results(task="Own")]
    assert words == words[:1] * 3
    assert not told.exists()
    assert [path for path in [home, *home.rglob("*")] if path.lstat().st_uid == 0] == []
