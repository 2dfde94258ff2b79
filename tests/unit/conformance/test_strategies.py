# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test the textual mapping of strategies in working copies."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.strategies import Family, map_line, map_tree

SVC = Family.of("svc_linear")


@pytest.mark.parametrize(
    ("strategy", "prefix"),
    [("linear", ""), ("free", ""), ("svc_linear", "svc_"), ("svc_host_pinned", "svc_"), ("mitogen_free", "mitogen_")],
)
def test_the_family_is_what_stands_before_the_kind(strategy: str, prefix: str) -> None:
    assert Family.of(strategy) == Family(prefix)


@pytest.mark.parametrize("strategy", ["debug", "nonlinear", "", "linear_svc"])
def test_other_strategies_have_no_family(strategy: str) -> None:
    with pytest.raises(ValueError, match="does not end in"):
        Family.of(strategy)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("  strategy: free\n", "  strategy: svc_free\n"),
        ("  strategy: ansible.builtin.host_pinned\n", "  strategy: svc_host_pinned\n"),
        ("for strategy in linear free; do", "for strategy in svc_linear svc_free; do"),
        ("  ANSIBLE_STRATEGY=free ansible-playbook x.yml", "  ANSIBLE_STRATEGY=svc_free ansible-playbook x.yml"),
        ("export SELECTED_STRATEGY='linear'", "export SELECTED_STRATEGY='svc_linear'"),
        ("""strategy: "{{ s | default('linear') }}\"""", """strategy: "{{ s | default('svc_linear') }}\""""),
        ("play main.yml -e test_strategy=host_pinned | tee", "play main.yml -e test_strategy=svc_host_pinned | tee"),
        ("strategy = linear", "strategy = svc_linear"),
    ],
)
def test_a_stock_strategy_behind_the_word_is_replaced(before: str, after: str) -> None:
    assert map_line(before, SVC) == after
    assert map_line(before, Family.of("mitogen_linear")) == after.replace("svc_", "mitogen_")


@pytest.mark.parametrize(
    "line",
    [
        "ansible-playbook test_include_free.yml",
        "ansible-playbook strategy_free/play.yml linear",
        "# with strategy free",
        "df -h | grep free  # linear",
        "strategy: svc_free",
        "strategy: free-form",
        "strategy: ns.col.external",
        "ansible-playbook -i inventory strategy.yml",
        "free before any strategy",
        'if [ "$strategy" = other ]; then ls linear.out',
    ],
)
def test_everything_else_stays(line: str) -> None:
    assert map_line(line, SVC) == line


def test_only_text_files_that_name_a_strategy_are_rewritten(tmp_path: Path) -> None:
    play = b"# caf\xe9\x85\r\n  strategy: free\r\n"
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub/play.yml").write_bytes(play)
    (tmp_path / "module.py").write_bytes(b"strategy = 'free'\n")
    (tmp_path / "plain.yml").write_bytes(b"free: linear\n")
    (tmp_path / "link.yml").symlink_to("sub/play.yml")
    assert map_tree(tmp_path, SVC) == ["sub/play.yml"]
    assert (tmp_path / "sub/play.yml").read_bytes() == play.replace(b"free", b"svc_free")
    assert (tmp_path / "module.py").read_bytes() == b"strategy = 'free'\n"


def test_stock_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "play.yml").write_text("strategy: free\n")
    assert map_tree(tmp_path, Family.of("linear")) == []
    assert (tmp_path / "play.yml").read_text() == "strategy: free\n"
