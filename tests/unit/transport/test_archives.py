# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is packed for managed hosts."""

from __future__ import annotations

import ast
import hashlib
import os
import re
import zlib
from pathlib import Path

import mitogen.core
import pytest

from ansible_svc.transport import archives
from ansible_svc.transport.archives import Archive


def members(archive: Archive) -> dict[str, tuple[bool, str]]:
    parts = iter(zlib.decompress(archive.packed).decode().split("\0"))
    return {name: (bool(package), source) for name, package, source in zip(parts, parts, parts, strict=True)}


@pytest.fixture(scope="module")
def made() -> archives.Archives:
    return archives.archives(None)


def test_both_hold_what_an_agent_needs_and_nothing_twice(made: archives.Archives) -> None:
    agent, become = members(made.agent), members(made.become)
    assert {"mitogen.core", "ansible_svc", "ansible_svc.target.agent", "ansible_svc.target.zygote"} <= set(agent)
    assert {"mitogen.parent", "mitogen.sudo", "ansible_svc.target.become", "first_stage"} <= set(become)
    assert not set(agent) & set(become)
    assert "ansible_svc.service.testing" not in agent
    assert [name for name, (package, _source) in agent.items() if package] == [
        "ansible_svc",
        "ansible_svc.service",
        "ansible_svc.store",
        "ansible_svc.target",
    ]


def test_they_are_named_by_their_content(made: archives.Archives) -> None:
    for archive in (made.agent, made.become):
        assert archive.digest == hashlib.sha256(archive.packed).hexdigest()
    assert archives.archives(None) == made


def test_the_first_stage_needs_nothing_of_ours_and_runs_on_old_pythons(made: archives.Archives) -> None:
    tree = ast.parse(made.first_stage, feature_version=(3, 8))
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.col_offset == 0}
    assert imported == {"__future__", "contextlib"}
    assert {"start", "read", "open_private"} <= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_nothing_asks_for_what_is_left_out_of_mitogen(made: archives.Archives) -> None:
    """Nothing but main(), and for what it calls the first stage gives it something else."""
    whole = Path(mitogen.core.__file__).read_text()
    left = members(made.agent)["mitogen.core"][1]
    mentioned = re.findall(r"\w+", left)
    for name in archives.NOT_OF_CORE:
        holder, _, last = name.rpartition(".")
        assert hasattr(getattr(mitogen.core, holder) if holder else mitogen.core, last)
        assert f" {last}(" in whole
        if mentioned.count(last):
            assert mentioned.count(last) == left.count(f"self.{last}()") == 1, last
            assert f"context.{last} = " in made.first_stage


def test_everything_compiles_for_old_pythons(made: archives.Archives) -> None:
    for name, (_package, source) in {**members(made.agent), **members(made.become)}.items():
        ast.parse(source, name, feature_version=(3, 8))


def test_they_are_kept_for_the_next_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = archives.archives(str(tmp_path))
    folder = tmp_path / str(os.geteuid())
    [kept] = folder.iterdir()
    monkeypatch.setattr(archives, "_make", lambda sources: pytest.fail("made again"))
    assert archives.archives(str(tmp_path)) == first
    kept.write_bytes(kept.read_bytes()[:-1] + b"x")
    monkeypatch.setattr(archives, "_make", lambda sources: first)
    assert archives.archives(str(tmp_path)) == first
    assert archives.archives(str(tmp_path)) == first


def test_those_of_older_code_are_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives.archives(str(tmp_path))
    sources = archives._sources()
    monkeypatch.setattr(archives, "_sources", lambda: {**sources, "ansible_svc.names": "NEW = 1"})
    archives.archives(str(tmp_path))
    assert len(list((tmp_path / str(os.geteuid())).iterdir())) == 1


def test_a_place_that_cannot_be_used_is_forgiven(tmp_path: Path, made: archives.Archives) -> None:
    (tmp_path / "file").write_text("")
    assert archives.archives(str(tmp_path / "file")) == made
