# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test the lists of what is run and what is left out, those in the repository among them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.errors import UnknownTargetError
from tests.conformance.selection import Rule, excluded, read_patterns, read_rules, select, subset
from tests.conformance.targets import Context, Target


def target(name: str, *aliases: str) -> Target:
    return Target(name, "role", aliases, Context.TARGET)


TARGETS = {
    each.name: each
    for each in (
        target("win_ping", "windows"),
        target("uri", "needs/httptester"),
        target("become"),
        target("become_su"),
        target("setup_x"),
    )
}


def test_the_first_rule_that_covers_a_target_gives_the_reason() -> None:
    rules = [Rule("by alias", aliases=("needs/httptester",)), Rule("by name", targets=("*i*",))]
    assert excluded(TARGETS.values(), rules) == {"win_ping": "by name", "uri": "by alias"}


def test_a_target_is_spared_by_an_alias_but_not_from_a_rule_that_names_it() -> None:
    both = target("collections", "windows", "posix")
    spare = Rule("needs Windows", aliases=("windows",), unless=("posix",))
    assert not spare.covers(both)
    assert spare.covers(target("win_ping", "windows"))
    assert Rule("by name", targets=("coll*",), unless=("posix",)).covers(both)


def test_hidden_targets_are_neither_left_out_nor_selected() -> None:
    assert "setup_x" not in excluded(TARGETS.values(), [Rule("all", targets=("*",))])
    assert "setup_x" not in select(["*"], TARGETS, strict=False)


def test_patterns_select_in_their_order_and_each_target_once() -> None:
    assert select(["uri", "become*", "*"], TARGETS, strict=True) == ["uri", "become", "become_su", "win_ping"]


def test_a_pattern_without_a_match_is_an_error_only_when_strict() -> None:
    assert select(["missing"], TARGETS, strict=False) == []
    with pytest.raises(UnknownTargetError, match="missing"):
        select(["missing"], TARGETS, strict=True)


@pytest.mark.parametrize("text", ['[[rule]]\nreason = ""\ntargets = ["x"]', '[[rule]]\nreason = "because"'])
def test_a_rule_needs_a_reason_and_something_to_match(tmp_path: Path, text: str) -> None:
    path = tmp_path / "rules.toml"
    path.write_text(text)
    with pytest.raises(ValueError, match="a rule needs a reason"):
        read_rules(path)


def test_the_repository_leaves_out_windows_and_the_cloud() -> None:
    reasons = excluded(TARGETS.values(), read_rules())
    assert set(reasons) == {"win_ping", "uri"}


def test_list_files_may_hold_comments(tmp_path: Path) -> None:
    path = tmp_path / "list.txt"
    path.write_text("# all of it\n\nping  # fast\nbecome*\n")
    assert read_patterns(path) == ["ping", "become*"]


def test_the_subsets_are_in_the_repository() -> None:
    assert len(subset("quick")) >= 40
    assert len(subset("quick")) == len(set(subset("quick")))
    assert "strategy_linear" in subset("first")
    assert subset("all") == ["*"]
