# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which tasks of a playbook share a process on the managed host, and which never do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import CANDIDATE, STOCK, inventory, run
from tests.lab import Lab

pytestmark = pytest.mark.skipif(CANDIDATE == STOCK, reason="linear runs every module in a process of its own")

# Says which process runs the module: it is the parent of the program that the module starts.
WHO = {"ansible.builtin.shell": "echo $PPID"}
OWN_COMMAND = """
import os
from ansible.module_utils.basic import AnsibleModule

AnsibleModule(argument_spec={"_raw_params": {}, "_uses_shell": {"type": "bool"}}).exit_json(stdout=str(os.getpid()))
"""


def processes(lab: Lab, tasks: list[dict[str, Any]], **options: Any) -> list[str]:
    """Run tasks on one host; return what each of them says on standard output."""
    outcome = run(
        lab, CANDIDATE, [{"hosts": "all", "gather_facts": False, "tasks": tasks}], inventory(lab, 1), **options
    )
    assert outcome.run.rc == 0, outcome.run
    outcome.assert_native()
    return [str(event["result"]["stdout"]) for event in outcome.run.results() if "stdout" in event["result"]]


def test_modules_of_ansible_core_share_one(lab: Lab) -> None:
    found = processes(lab, [WHO, {"ansible.builtin.stat": {"path": "/"}}, WHO, {"ansible.builtin.setup": {}}, WHO])
    assert len(found) == 3
    assert len(set(found)) == 1


def test_with_runners_fresh_each_has_its_own(lab: Lab) -> None:
    found = processes(lab, [WHO] * 3, sections={"svc": {"runners": "fresh"}})
    assert len(set(found)) == 3
    assert len(set(processes(lab, [WHO] * 3, env={"ANSIBLE_SVC_RUNNERS": "fresh"}))) == 3


def test_a_roles_own_module_of_the_same_name_has_its_own(lab: Lab, tmp_path: Path) -> None:
    role = tmp_path / "roles" / "own"
    (role / "library").mkdir(parents=True)
    (role / "library" / "command.py").write_text(OWN_COMMAND)
    (role / "tasks").mkdir()
    (role / "tasks" / "main.yml").write_text("- command: whatever\n- command: whatever\n")
    # a role's modules are everybody's; ansible.builtin.shell runs this one as well
    tasks = [{"import_role": {"name": "own"}}, WHO, WHO]
    found = processes(lab, tasks, roles_path=str(tmp_path / "roles"))
    assert len(found) == len(set(found)) == 4
