# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compiled code is found again, once, sound, and not without limit."""

from __future__ import annotations

import os
from pathlib import Path
from types import CodeType

import pytest

from ansible_svc.target.code_cache import CodeCache

ONE, TWO, THREE = (letter * 64 for letter in "123")
LIMIT_BYTES = 1 << 20


def code(text: str) -> CodeType:
    return compile(text, "place", "exec")


BASE = {("base", "base.py"): code("base"), ("both", "both.py"): code("both")}
FIRST = {**BASE, ("first", "first.py"): code("first")}
SECOND = {**BASE, ("second", "second.py"): code("second")}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "code"
    path.mkdir(mode=0o700)
    return path


def cache(folder: Path, limit_bytes: int = LIMIT_BYTES) -> CodeCache:
    return CodeCache(str(folder), limit_bytes)


def test_what_was_kept_is_found_by_the_next(folder: Path) -> None:
    cache(folder).keep(ONE, FIRST)
    assert cache(folder).load(ONE) == FIRST
    assert cache(folder).load(TWO) == {}


def test_what_bundles_share_is_kept_once(folder: Path) -> None:
    first = cache(folder)
    first.keep(ONE, FIRST)
    first.keep(TWO, SECOND)
    sizes = sorted(path.stat().st_size for path in folder.iterdir())
    assert len(sizes) == 2
    assert sizes[0] < sizes[1]
    assert cache(folder).load(TWO) == {**FIRST, **SECOND}


def test_a_file_is_read_once_for_all_bundles_that_need_it(folder: Path) -> None:
    first = cache(folder)
    first.keep(ONE, FIRST)
    first.keep(TWO, SECOND)
    later = cache(folder)
    assert later.load(ONE) == FIRST
    assert later.load(TWO) == {key: SECOND[key] for key in SECOND if key not in BASE}
    assert later.load(TWO) == {}


def test_what_is_needed_later_joins_what_is_there(folder: Path) -> None:
    one = cache(folder)
    one.keep(ONE, FIRST)
    [path] = folder.iterdir()
    before = path.stat().st_ino
    one.keep(ONE, FIRST)
    assert path.stat().st_ino == before
    late = {("late", "late.py"): code("late")}
    again = cache(folder)
    again.load(ONE)
    again.keep(ONE, {**FIRST, **late})
    assert cache(folder).load(ONE) == {**FIRST, **late}


def test_a_file_that_has_gone_is_made_up_for(folder: Path) -> None:
    first = cache(folder)
    first.keep(ONE, FIRST)
    first.keep(TWO, SECOND)
    next(folder.glob(f"{ONE[:32]}*")).unlink()
    again = cache(folder)
    assert again.load(TWO) == {key: SECOND[key] for key in SECOND if key not in BASE}
    again.keep(TWO, SECOND)
    assert cache(folder).load(TWO) == SECOND


@pytest.mark.parametrize("content", [b"", b"x" * 100])
def test_what_is_not_sound_is_not_used(folder: Path, content: bytes) -> None:
    cache(folder).keep(ONE, FIRST)
    [path] = folder.iterdir()
    path.write_bytes(content)
    assert cache(folder).load(ONE) == {}


def test_a_directory_that_others_may_write_to_is_not_used(folder: Path) -> None:
    cache(folder).keep(ONE, FIRST)
    folder.chmod(0o777)
    assert cache(folder).load(ONE) == {}
    with pytest.raises(PermissionError):
        cache(folder).keep(TWO, SECOND)


def test_what_was_not_used_for_longest_goes_first(folder: Path) -> None:
    kept = cache(folder)
    kept.keep(ONE, FIRST)
    [path] = folder.iterdir()
    limit_bytes = 2 * path.stat().st_size + 50
    os.utime(path, (1, 1))
    small = cache(folder, limit_bytes)
    small.keep(TWO, SECOND)
    small.load(ONE)  # which counts as use
    small.keep(THREE, {("third", "third.py"): code("third" * 10)})
    assert {path.name[:32] for path in folder.iterdir()} == {ONE[:32], THREE[:32]}
    small.keep("4" * 64, {("large", "large.py"): code("large" * limit_bytes)})
    assert len(list(folder.iterdir())) == 2
