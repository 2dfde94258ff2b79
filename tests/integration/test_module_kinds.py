# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to linear's results for every kind of module, well-behaved and not.

Each playbook runs once under each strategy; the tests look at its tasks one by one.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils import basic

from tests.integration.outputs import level
from tests.integration.twin import NORMALISER, PLAYBOOKS, Pair, both, inventory
from tests.lab import Lab

MODULES = PLAYBOOKS / "modules"

PROGRAM = r"""
#include <stdio.h>
#include <string.h>

/* A binary module: the arguments are in a file, as JSON. */
int main(int argc, char **argv) {
    char text[4096] = {0};
    FILE *file = argc > 1 ? fopen(argv[1], "r") : NULL;
    if (file == NULL || fread(text, 1, sizeof text - 1, file) == 0) {
        printf("{\"failed\": true, \"msg\": \"no arguments\"}\n");
        return 1;
    }
    printf("{\"changed\": false, \"named\": %s}\n", strstr(text, "\"name\": \"Ada\"") ? "true" : "false");
    return 0;
}
"""


def _names(book: str) -> list[str]:
    """Return the names of the tasks that a playbook itself has."""
    plays = yaml.safe_load((MODULES / book).read_text())
    return [task["name"] for task in plays[0]["tasks"] if "ansible.builtin.import_role" not in task]


@pytest.fixture(scope="module")
def kinds(lab: Lab) -> Pair:
    return both(lab, MODULES / "kinds.yml", inventory(lab, 2), collections_path=MODULES / "collections")


@pytest.fixture(scope="module")
def commands(lab: Lab) -> Pair:
    return both(lab, MODULES / "commands.yml", inventory(lab, 2))


@pytest.mark.parametrize("task", [*_names("kinds.yml"), "carrier : A module in a role's library"])
def test_a_kind_of_module(kinds: Pair, task: str) -> None:
    _check(kinds, task)


@pytest.mark.parametrize("task", _names("commands.yml"))
def test_a_kind_of_command(commands: Pair, task: str) -> None:
    _check(commands, task)


def test_modules_ran_natively(kinds: Pair, commands: Pair) -> None:
    kinds.assert_native("wrapped")
    commands.assert_native()
    assert kinds.stock.run.rc == kinds.ours.run.rc
    assert commands.stock.run.rc == commands.ours.run.rc
    commands.assert_same_files()
    kinds.assert_same_files()


def test_no_module_sees_what_another_did(kinds: Pair) -> None:
    """What a module finds is the same before and after one that changes its process in every way it can."""
    for outcome in (kinds.stock, kinds.ours):
        before, after = (
            [event["result"] for event in outcome.run.results(task=task)]
            for task in ("What a module finds", "What the next module finds")
        )
        assert len(before) == 2
        assert before == after


def test_secrets_of_a_module_are_not_printed(kinds: Pair) -> None:
    for outcome in (kinds.stock, kinds.ours):
        assert "very-secret" not in outcome.run.stdout + outcome.run.stderr
        assert "very-secret" not in str(outcome.run.events)


def test_content_of_a_collection(lab: Lab) -> None:
    """Found by every name, redirected, deprecated; what is said of that is said once."""
    pair = both(
        lab,
        MODULES / "collections.yml",
        inventory(lab, 3),
        collections_path=MODULES / "collections",
        deprecation_warnings=True,
    )

    assert "TASK [What is no more]" in pair.stock.run.stdout, pair.stock.run
    pair.assert_equal()
    pair.assert_native("greets")
    said = pair.ours.run.stderr
    for sentence in ("Use lab.kinds.hello instead", "Nobody should do this"):
        # once, or from ansible-core 2.21 on once for every place in the playbook: as under linear
        assert said.count(sentence) == pair.stock.run.stderr.count(sentence) > 0, said


def test_a_binary_module(lab: Lab, tmp_path: Path) -> None:
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("no C compiler to make a binary module with")
    library = tmp_path / "library"
    library.mkdir()
    subprocess.run([compiler, "-o", library / "binary_module", "-xc", "-"], input=PROGRAM, text=True, check=True)
    tasks = [
        {"name": "Binary", "binary_module": {"name": "Ada"}},
        {"name": "Binary for another", "binary_module": {"name": "Grace"}},
        {"name": "Binary as another user", "binary_module": {"name": "Ada"}, "become": True, "become_user": "nobody"},
    ]
    pair = both(lab, [{"hosts": "all", "gather_facts": False, "tasks": tasks}], inventory(lab, 2), library=library)

    assert [event["result"].get("named") for event in pair.stock.run.results(host="host01")] == [True, False, True]
    pair.assert_equal()
    pair.assert_native()


MARKED = """


class AnsibleModule(AnsibleModule):
    def exit_json(self, **result):
        super().exit_json(marked="by the role", **result)
"""


def test_a_role_with_a_basic_of_its_own(lab: Lab, tmp_path: Path) -> None:
    """Every module gets what it gets under linear: before the role, in it, and after it."""
    role = tmp_path / "roles" / "marking"
    for name in ("library", "module_utils", "tasks"):
        (role / name).mkdir(parents=True)
    (role / "module_utils" / "basic.py").write_text(Path(basic.__file__).read_text() + MARKED)
    source = (MODULES / "library" / "new_style.py").read_text().replace("module_utils.greeting", "module_utils.words")
    (role / "module_utils" / "words.py").write_text("def greet(name):\n    return name\n")
    (role / "library" / "in_role.py").write_text(source)
    command = {"ansible.builtin.command": "echo x", "changed_when": False}
    tasks: list[dict[str, Any]] = [
        {"name": "Own", "in_role": {"name": "Ada"}},
        {"name": "Shipped", **command},
        {"name": "File", "ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/x", "mode": "0600"}},
    ]
    (role / "tasks" / "main.yml").write_text(json.dumps(tasks))
    play = {"hosts": "all", "gather_facts": False}
    path = tmp_path / "play.yml"
    path.write_text(
        json.dumps(
            [
                {**play, "name": "Before", "tasks": [{"name": "Before", **command}]},
                {**play, "name": "Role", "roles": ["marking"]},
                {**play, "name": "After", "tasks": [{"name": "After", **command}]},
            ]
        )
    )

    pair = both(lab, path, inventory(lab, 2))

    assert pair.stock.run.rc == 0, pair.stock.run
    assert "by the role" in {event["result"].get("marked") for event in pair.stock.run.results()}
    pair.assert_equal()
    pair.assert_native()


def _check(pair: Pair, task: str) -> None:
    """Raise AssertionError unless both runs gave a task the same results on both hosts."""
    stock, ours = (
        sorted((_comparable(event) for event in side.run.results(task=task)), key=lambda event: str(event["host"]))
        for side in (pair.stock, pair.ours)
    )
    assert len(stock) == 2, pair.stock.run
    assert ours == stock


def _comparable(event: dict[str, Any]) -> dict[str, Any]:
    event = NORMALISER.event(event)
    event["result"] = {key: _without_frames(value) for key, value in event["result"].items()}
    return event


def _without_frames(value: Any) -> Any:
    """Return a text without the frames of a Python traceback: those above a module's own differ by who called it."""
    if not isinstance(value, str):
        return value
    return re.sub(r'( *File ".*\n(    .*\n)*)+', "  (frames)\n", level(value))
