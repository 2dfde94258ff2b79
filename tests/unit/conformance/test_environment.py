# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test what a target's command gets: environment, inventory, playbook."""

from __future__ import annotations

import json

from tests.conformance import environment, layout
from tests.conformance.environment import Controller, Subject
from tests.conformance.targets import Context, Target

PYTHON = "/usr/bin/python3.11"


def script(*aliases: str) -> Target:
    return Target("blocks", "script", aliases, Context.CONTROLLER)


def role(*aliases: str) -> Target:
    return Target("copy", "role", aliases, Context.TARGET)


def variables(target: Target, subject: Subject) -> dict[str, str]:
    return environment.variables(target, subject, Controller("2.19.14", "3.11.7", PYTHON, "C.UTF-8"))


def test_stock_is_told_nothing_of_strategies() -> None:
    env = variables(script(), Subject(None))
    assert not [name for name in env if "STRATEGY" in name]


def test_a_strategy_comes_with_its_plugin_paths_and_settings() -> None:
    env = variables(script(), Subject("svc_linear", {"strategy": "/plugins/strategy"}, {"SVC_LIMIT": "4"}))
    assert env["ANSIBLE_STRATEGY"] == "svc_linear"
    assert env["ANSIBLE_STRATEGY_PLUGINS"] == "/plugins/strategy"
    assert env["SVC_LIMIT"] == "4"


def test_a_script_starts_in_its_own_directory_and_a_role_beside_its_playbook() -> None:
    tree = environment.working_tree(script())
    assert environment.working_directory(script()) == tree / "test/integration/targets/blocks"
    assert environment.command(script()) == ("./runme.sh",)
    assert environment.working_directory(role()) == environment.working_tree(role()) / "test/integration"
    assert environment.command(role()) == ("ansible-playbook", "copy.yml", "-i", "inventory")


def test_paths_hold_unicode_unless_the_target_can_not_bear_it() -> None:
    assert not str(environment.working_tree(script())).isascii()
    assert str(environment.working_tree(script("no/temp_unicode"))).isascii()


def test_roles_are_found_by_role_targets_alone() -> None:
    assert variables(role(), Subject(None))["ANSIBLE_ROLES_PATH"].endswith("/test/integration/targets")
    assert "ANSIBLE_ROLES_PATH" not in variables(script(), Subject(None))


def test_aliases_have_the_last_word_on_variables() -> None:
    env = variables(script("env/set/ANSIBLE_DEPRECATION_WARNINGS/yes", "non_local"), Subject(None))
    assert env["ANSIBLE_DEPRECATION_WARNINGS"] == "yes"
    assert env["ANSIBLE_TEST_REMOTE_INTERPRETER"] == ""


def test_target_content_goes_over_ssh_and_controller_content_does_not() -> None:
    remote = environment.inventory(Context.TARGET, PYTHON, over_ssh=True)
    assert "ansible_connection='ssh'" in remote
    assert str(layout.IDENTITY) in remote
    for text in (
        environment.inventory(Context.CONTROLLER, PYTHON, over_ssh=True),
        environment.inventory(Context.TARGET, PYTHON, over_ssh=False),
    ):
        assert "ansible_connection='local'" in text
        assert "ssh" not in text


def test_the_play_of_a_role_gathers_facts_as_the_alias_says() -> None:
    (play,) = json.loads(environment.role_playbook(role("gather_facts/no")))
    assert (play["hosts"], play["roles"], play["gather_facts"]) == ("testhost", ["copy"], False)
    assert play["vars"] == {"output_dir": "/conformance/output"}
    assert json.loads(environment.role_playbook(role()))[0]["gather_facts"] is True
