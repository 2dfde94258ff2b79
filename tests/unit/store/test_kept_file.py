# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller keeps for its next run."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_svc.store.kept_file import KeptFile


def kept(folder: Path, identity: str = "a" * 64) -> KeptFile:
    return KeptFile(str(folder), "kind", identity)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / str(os.geteuid())).iterdir())


def test_it_is_there_whole_or_not_at_all(tmp_path: Path) -> None:
    assert kept(tmp_path).read() is None
    kept(tmp_path).write(b"content")
    assert kept(tmp_path).read() == b"content"
    [name] = names(tmp_path)
    path = tmp_path / str(os.geteuid()) / name
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert kept(tmp_path).read() is None


def test_those_of_the_same_kind_that_were_made_of_something_else_are_removed(tmp_path: Path) -> None:
    KeptFile(str(tmp_path), "other", "a" * 64).write(b"another kind")
    kept(tmp_path).write(b"old")
    kept(tmp_path, "b" * 64).write(b"new")
    assert kept(tmp_path).read() is None
    assert kept(tmp_path, "b" * 64).read() == b"new"
    assert names(tmp_path) == ["kind-" + "b" * 32, "other-" + "a" * 32]


def test_a_place_that_cannot_be_used_is_none(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for file in (KeptFile(None, "kind", "a" * 64), kept(tmp_path / "file"), KeptFile("relative", "kind", "a" * 64)):
        file.write(b"content")
        assert file.read() is None
    open_to_all = tmp_path / "open"
    (open_to_all / str(os.geteuid())).mkdir(parents=True)
    (open_to_all / str(os.geteuid())).chmod(0o777)
    kept(open_to_all).write(b"content")
    assert names(open_to_all) == []
