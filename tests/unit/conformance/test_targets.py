# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test what is read from aliases files, meta files and links of integration targets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.targets import Context, Target, categorise, parse_aliases, read_dependencies, read_targets

PLUGINS = {
    "modules": frozenset({"copy", "async_status"}),
    "module_utils": frozenset({"urls"}),
    "lookup": frozenset({"file"}),
    "connection": frozenset({"ssh"}),
}


def make_target(name: str = "copy", *aliases: str, kind: str = "role") -> Target:
    return Target(name, kind, aliases, Context.TARGET)


def test_aliases_lose_comments_and_blank_lines() -> None:
    text = "# whole line\n\nneeds/root\nsetup/always/setup_passlib_controller  # required for setup_test_user\n"
    assert parse_aliases(text) == ("needs/root", "setup/always/setup_passlib_controller")


@pytest.mark.parametrize(
    ("name", "aliases", "context"),
    [
        ("copy", [], Context.TARGET),
        ("copy", ["context/controller"], Context.CONTROLLER),
        ("anything", ["context/target"], Context.TARGET),
        ("lookup_file", ["shippable/posix/group1"], Context.CONTROLLER),
        ("connection_ssh", [], Context.CONTROLLER),
        ("module_utils_urls", [], Context.TARGET),
        ("async", ["async_status"], Context.TARGET),
        ("unheard_of", [], Context.CONTROLLER),
    ],
)
def test_context_comes_from_the_alias_or_from_the_plugin_in_the_name(
    name: str, aliases: list[str], context: Context
) -> None:
    assert categorise(name, aliases, PLUGINS) is context


def test_setup_targets_come_once_before_always_each_sorted() -> None:
    target = make_target("x", "setup/always/b", "setup/once/c", "setup/always/a")
    assert target.setup == ("c", "a", "b")


def test_gather_facts_is_on_unless_an_alias_says_no() -> None:
    assert make_target().gather_facts
    assert not make_target("copy", "gather_facts/no").gather_facts
    assert make_target("copy", "gather_facts/no", "gather_facts/yes").gather_facts


def test_environment_values_may_hold_slashes() -> None:
    target = make_target("x", "env/set/ANSIBLE_LIBRARY//a/b", "env/set/N/1", "env/setup")
    assert target.environment == {"ANSIBLE_LIBRARY": "/a/b", "N": "1"}


def test_an_alias_covers_what_is_below_it_but_not_its_neighbours() -> None:
    target = make_target("x", "cloud/aws", "windows_like")
    assert target.has("cloud")
    assert target.has("cloud/aws")
    assert not target.has("cloud/a")
    assert not target.has("windows")


@pytest.mark.parametrize("name", ["setup_cron", "prepare_tests"])
def test_setup_and_prepare_roles_are_hidden(name: str) -> None:
    assert make_target(name).hidden
    assert not make_target("copy").hidden
    assert make_target("copy", "hidden").hidden


def tree(root: Path, files: dict[str, str]) -> Path:
    (root / "lib/ansible/modules").mkdir(parents=True)
    (root / "lib/ansible/module_utils").mkdir()
    (root / "lib/ansible/plugins/lookup").mkdir(parents=True)
    (root / "lib/ansible/modules/copy.py").touch()
    folder = root / "test/integration/targets"
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def test_kinds_contexts_and_all_dependencies_are_read_from_a_tree(tmp_path: Path) -> None:
    folder = tree(
        tmp_path,
        {
            "copy/meta/main.yml": "dependencies:\n  - setup_remote_tmp_dir\n# - setup_unused\n",
            "copy/tasks/main.yml": "",
            "script/runme.sh": "",
            "script/aliases": "needs/target/copy\n",
            "linking/tasks/main.yml": "",
            "setup_remote_tmp_dir/tasks/main.yml": "",
            "setup_remote_tmp_dir/aliases": "needs/target/shared\n",
            "setup_unused/tasks/main.yml": "",
            "shared/aliases": "hidden\n",
            "shared/file": "",
        },
    )
    (folder / "linking/files").mkdir()
    (folder / "linking/files/link").symlink_to("../../shared/file")
    targets = read_targets(tmp_path)
    assert targets["script"].kind == "script"
    assert (targets["copy"].kind, targets["copy"].context) == ("role", Context.TARGET)
    dependencies = read_dependencies(folder, targets)
    assert dependencies["copy"] == {"setup_remote_tmp_dir", "shared"}
    assert dependencies["script"] == {"copy", "setup_remote_tmp_dir", "shared"}
    assert dependencies["linking"] == {"shared"}
    assert dependencies["shared"] == frozenset()


def test_an_alias_for_an_unknown_target_is_an_error(tmp_path: Path) -> None:
    folder = tree(tmp_path, {"copy/aliases": "needs/target/missing\n"})
    with pytest.raises(KeyError, match="missing"):
        read_dependencies(folder, read_targets(tmp_path))
