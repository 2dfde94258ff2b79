# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is packed for managed hosts."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import zlib
from collections.abc import Callable
from pathlib import Path

import mitogen.core
import pytest

from ansible_svc.transport import archives
from ansible_svc.transport.archives import AgentCode, Archive, agent_code, become_archive

Make = Callable[[str | None], AgentCode | Archive]


def members(archive: Archive) -> dict[str, tuple[bool, str]]:
    parts = iter(zlib.decompress(archive.packed).decode().split("\0"))
    return {name: (bool(package), source) for name, package, source in zip(parts, parts, parts, strict=True)}


@pytest.fixture(scope="module")
def code() -> AgentCode:
    return agent_code(None)


@pytest.fixture(scope="module")
def become() -> Archive:
    return become_archive(None)


def test_both_hold_what_an_agent_needs_and_nothing_twice(code: AgentCode, become: Archive) -> None:
    agent, more = members(code.archive), members(become)
    assert {"mitogen.core", "ansible_svc", "ansible_svc.target.agent", "ansible_svc.target.zygote"} <= set(agent)
    assert {"mitogen.parent", "mitogen.sudo", "ansible_svc.target.become", "first_stage"} <= set(more)
    assert not set(agent) & set(more)
    assert "ansible_svc.service.testing" not in agent
    assert [name for name, (package, _source) in agent.items() if package] == [
        "ansible_svc",
        "ansible_svc.service",
        "ansible_svc.store",
        "ansible_svc.target",
    ]


def test_they_are_named_by_their_content(code: AgentCode, become: Archive) -> None:
    for archive in (code.archive, become):
        assert archive.digest == hashlib.sha256(archive.packed).hexdigest()
    assert agent_code(None) == code
    assert become_archive(None) == become


def test_the_first_stage_needs_nothing_of_ours_and_runs_on_old_pythons(code: AgentCode) -> None:
    tree = ast.parse(code.first_stage, feature_version=(3, 8))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.col_offset == 0}
    assert imported == {"__future__", "contextlib"}
    assert {"start", "read", "open_private"} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_nothing_asks_for_what_is_left_out_of_mitogen(code: AgentCode) -> None:
    """Nothing but main(), and for what it calls startup.py gives it something else."""
    whole = Path(mitogen.core.__file__).read_text()
    left = members(code.archive)["mitogen.core"][1]
    startup = members(code.archive)["ansible_svc.target.startup"][1]
    mentioned = re.findall(r"\w+", left)
    for name in archives.NOT_OF_CORE:
        holder, _, last = name.rpartition(".")
        assert hasattr(getattr(mitogen.core, holder) if holder else mitogen.core, last)
        assert f" {last}(" in whole
        if mentioned.count(last):
            assert mentioned.count(last) == left.count(f"self.{last}()") == 1, last
            assert f"context.{last} = " in startup


def test_everything_compiles_for_old_pythons(code: AgentCode, become: Archive) -> None:
    for name, (_package, source) in {**members(code.archive), **members(become)}.items():
        ast.parse(source, name, feature_version=(3, 8))


@pytest.mark.parametrize("make", [agent_code, become_archive])
def test_they_are_kept_for_the_next_run(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = make(str(tmp_path))
    [kept] = (tmp_path / str(os.geteuid())).iterdir()
    with monkeypatch.context() as patched:
        patched.setattr(archives, "_packed", lambda sources: pytest.fail("made again"))
        assert make(str(tmp_path)) == first
    whole = kept.read_bytes()
    kept.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert make(str(tmp_path)) == first
    assert kept.read_bytes() == whole


def test_those_of_older_code_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = agent_code(str(tmp_path))
    become_archive(str(tmp_path))
    sources = archives._own_sources()
    monkeypatch.setattr(archives, "_own_sources", lambda: {**sources, "ansible_svc.names": "NEW = 1"})
    assert agent_code(str(tmp_path)) != first
    assert len(list((tmp_path / str(os.geteuid())).iterdir())) == 2


def test_what_is_made_in_another_way_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    agent_code(str(tmp_path))
    monkeypatch.setattr(archives, "_MADE_BY", ())
    packed = archives._packed
    made = []
    monkeypatch.setattr(archives, "_packed", lambda sources: made.append(packed(sources)) or made[-1])
    agent_code(str(tmp_path))
    assert made


def test_a_place_that_cannot_be_used_is_forgiven(tmp_path: Path, code: AgentCode) -> None:
    (tmp_path / "file").write_text("")
    assert agent_code(str(tmp_path / "file")) == code
