# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to giving each task what a new command of its user would be given, although agents live on."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import CANDIDATE, PYTHON, STOCK, Pair, both, inventory
from tests.lab import Lab

USER = "svclab2"
LOOK = {"ansible.builtin.command": "printenv COLOUR", "changed_when": False, "failed_when": False}

# The files that zsh reads whenever it is started, without zsh.
SHELL = """\
#!/bin/sh
[ ! -e "$HOME/.zshenv" ] || . "$HOME/.zshenv"
exec /bin/sh "$@"
"""


MODULE = """\
#!/usr/bin/python
from ansible.module_utils.basic import AnsibleModule
try:
    from svc_fresh import told
except ImportError:
    told = 'not here'
AnsibleModule(argument_spec={}).exit_json(told=told)
"""


@pytest.fixture
def user(lab: Lab) -> Iterator[str]:
    """Return the name of a user whose files are removed afterwards."""
    if not lab.accounts:
        pytest.skip("only root can make the lab's accounts")
    yield USER
    for name in (".zshenv", ".profile"):
        (lab.accounts[USER].home / name).unlink(missing_ok=True)


@pytest.fixture
def zsh(user: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    directory = tmp_path_factory.mktemp("shell")
    for part in (directory, *list(directory.parents)[:2]):
        part.chmod(0o755)
    shell = directory / "zsh"
    shell.write_text(SHELL)
    shell.chmod(0o755)
    subprocess.run(["usermod", "-s", str(shell), user], check=True)
    yield
    subprocess.run(["usermod", "-s", "/bin/sh", user], check=True)


def test_a_variable_that_the_shell_of_the_login_sets(lab: Lab, user: str, zsh: None) -> None:
    book = _play(
        [
            _without("~/.zshenv"),
            {"name": "Before", **LOOK},
            {"name": "Blue", **_write("~/.zshenv", "blue")},
            {"name": "After", **LOOK},
            {"name": "Items", **_write("~/.zshenv", "{{ item }}"), "loop": ["red", "green"]},
            {"name": "As last", **LOOK},
            {"name": "By raw", "ansible.builtin.raw": "echo $COLOUR", "changed_when": False},
        ]
    )
    pair = both(lab, book, inventory(lab, 1, ansible_user=user))

    pair.assert_equal()
    assert _said(pair) == {"Before": "", "After": "blue", "As last": "green", "By raw": "green"}
    if CANDIDATE != STOCK:
        assert pair.ours.statistics is not None
        contexts = pair.ours.statistics["contexts"]
        assert contexts["lost"] == 0, contexts
        # The file was there or not, is written, and changed twice; the second time within a task.
        assert 4 <= contexts["attempts"] <= 5, contexts


def test_a_variable_that_a_login_shell_sets_for_a_become_user(lab: Lab, user: str) -> None:
    become = {"become": True, "become_user": user, "become_flags": "-H -S -n -i"}
    home = lab.accounts[user].home
    book = _play(
        [
            _without(f"{home}/.profile"),
            {"name": "Before", **LOOK, **become},
            {"name": "Blue", **_write(f"{home}/.profile", "blue", mode="0644")},
            {"name": "After", **LOOK, **become},
            {"name": "Own", "ansible.builtin.command": "id -un", "changed_when": False},
        ]
    )
    pair = both(lab, book, inventory(lab, 1))

    pair.assert_equal()
    assert _said(pair) == {"Before": "", "After": "blue", "Own": "root"}


def test_a_new_group_of_a_become_user(lab: Lab, user: str) -> None:
    """By a command, of which nobody can tell what it changes."""
    look = {"ansible.builtin.command": "id -Gn", "changed_when": False, "become": True, "become_user": user}
    local = {"delegate_to": "localhost", "changed_when": False}
    book = _play(
        [
            {"name": "Before", **look},
            {"name": "Add", "ansible.builtin.command": f"gpasswd -a {user} games", **local},
            {"name": "After", **look},
            {"name": "Remove", "ansible.builtin.command": f"gpasswd -d {user} games", **local},
            {"name": "At last", **look},
        ]
    )
    pair = both(lab, book, inventory(lab, 1))

    pair.assert_equal()
    said = {task: "games" in text.split() for task, text in _said(pair).items()}
    assert (said["Before"], said["After"], said["At last"]) == (False, True, False)


def test_packages_in_a_directory_that_was_not_there(lab: Lab, user: str, tmp_path: Path) -> None:
    """An interpreter does not look into it when it was started before."""
    (tmp_path / "library").mkdir()
    (tmp_path / "library" / "look.py").write_text(MODULE)
    where = "{{ site.stdout }}"
    book = _play(
        [
            # before there is an interpreter that has seen it
            {**_without(f"{lab.accounts[user].home}/.local"), "delegate_to": "localhost"},
            {"name": "Ask", "ansible.builtin.command": f"{PYTHON} -m site --user-site", "register": "site"},
            {"name": "Before", "look": None},
            {"name": "Make", "ansible.builtin.file": {"path": where, "state": "directory"}},
            {
                "name": "Install",
                "ansible.builtin.copy": {"content": "told = 'here'\n", "dest": f"{where}/svc_fresh.py"},
            },
            {"name": "After", "look": None},
            {"name": "Again", "look": None},
            {"name": "As ever", "ansible.builtin.command": "echo on", "changed_when": False},
        ]
    )
    pair = both(lab, book, inventory(lab, 1, ansible_user=user), library=tmp_path / "library")

    pair.assert_equal()
    told = {event["task"]: event["result"].get("told") for event in pair.ours.run.results()}
    assert (told["Before"], told["After"], told["Again"]) == ("not here", "here", "here")
    pair.assert_native()


def test_accounts_of_others_change_nothing(lab: Lab, user: str) -> None:
    local = {"delegate_to": "localhost", "changed_when": False}
    look = {"ansible.builtin.command": "id -un", "changed_when": False, "become": True, "become_user": user}
    book = _play(
        [
            {"name": "Before", **look},
            {"name": "Add", "ansible.builtin.command": "gpasswd -a svclab1 games", **local},
            {"name": "After", **look},
            {"name": "Remove", "ansible.builtin.command": "gpasswd -d svclab1 games", **local},
            {"name": "At last", **look},
        ]
    )
    pair = both(lab, book, inventory(lab, 1))

    pair.assert_equal()
    if CANDIDATE != STOCK:
        assert pair.ours.statistics is not None
        # the login, its user, the controller itself
        assert pair.ours.statistics["contexts"]["connected"] == 3
        assert pair.ours.statistics["held"]["contexts"] == 3


def _play(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"name": "Sessions", "hosts": "all", "gather_facts": False, "tasks": tasks}]


def _write(path: str | Path, colour: str, **more: str) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"dest": str(path), "content": f"export COLOUR={colour}\n", **more}}


def _without(path: str) -> dict[str, Any]:
    """Return a task that removes what the run before has left."""
    return {"name": "Clean", "ansible.builtin.file": {"path": path, "state": "absent"}, "changed_when": False}


def _said(pair: Pair) -> dict[str, str]:
    results = pair.ours.run.results()
    return {event["task"]: event["result"]["stdout"].strip() for event in results if "stdout" in event["result"]}
