# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The cache directory of an agent."""

from __future__ import annotations

import os
from pathlib import Path

from ansible_svc.target.cache import Cache

CONTENT = b"content"


def test_it_is_made_when_it_is_first_used(tmp_path: Path) -> None:
    said: list[str] = []
    cache = Cache(str(tmp_path / "home" / "cache"), 1000, said.append)
    digest = cache.blobs.put(CONTENT)
    assert cache.directory == str(tmp_path / "home" / "cache")
    assert (tmp_path / "home" / "cache" / "blobs" / digest).read_bytes() == CONTENT
    assert Cache(cache.directory, 1000, said.append).blobs.get(digest) == CONTENT
    assert said == []


def test_without_a_directory_memory_serves(tmp_path: Path) -> None:
    said: list[str] = []
    cache = Cache(None, 1000, said.append)
    assert cache.blobs.get(cache.blobs.put(CONTENT)) == CONTENT
    assert cache.subdirectory("code") is None
    cache.keep_boot_file("boot-x", CONTENT)
    assert cache.show() == {"directory": None, "files": 0, "size_bytes": 0, "limit_bytes": 1000}
    assert said == []


def test_one_that_cannot_be_trusted_is_not_used_and_that_is_said_once(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    said: list[str] = []
    cache = Cache(str(tmp_path), 1000, said.append)
    assert cache.blobs.get(cache.blobs.put(CONTENT)) == CONTENT
    assert (cache.directory, cache.subdirectory("code"), os.listdir(tmp_path)) == (None, None, [])
    assert said == [f"cannot use the cache directory {tmp_path}: directory is writable by others"]


def test_a_subdirectory_is_this_users_alone(tmp_path: Path) -> None:
    said: list[str] = []
    cache = Cache(str(tmp_path / "cache"), 1000, said.append)
    path = cache.subdirectory("code")
    assert path == f"{tmp_path}/cache/code"
    assert os.stat(path).st_mode & 0o777 == 0o700
    os.chmod(path, 0o777)
    assert cache.subdirectory("code") is None
    assert said == [f"cannot use the cache directory {path}: directory is writable by others"]


def _keep_boot_files(cache: Cache, count: int) -> None:
    """Keep boot-0, boot-1, ..., each newer than the one before."""
    assert cache.directory is not None
    for number in range(count):
        cache.keep_boot_file(f"boot-{number}", CONTENT)
        os.utime(os.path.join(cache.directory, f"boot-{number}"), ns=(number, number))


def test_only_the_newest_boot_files_stay(tmp_path: Path) -> None:
    said: list[str] = []
    cache = Cache(str(tmp_path / "cache"), 1000, said.append)
    _keep_boot_files(cache, 8)
    assert sorted(os.listdir(tmp_path / "cache")) == [f"boot-{number}" for number in range(2, 8)]
    cache.keep_boot_file("boot-large", b"x" * 501)
    assert not (tmp_path / "cache" / "boot-large").exists()
    assert said == []


def test_a_boot_file_that_was_used_stays(tmp_path: Path) -> None:
    said: list[str] = []
    cache = Cache(str(tmp_path / "cache"), 1000, said.append)
    _keep_boot_files(cache, 6)
    cache.used_boot_file("boot-0")
    cache.used_boot_file("boot-that-another-agent-has-removed")
    cache.keep_boot_file("boot-6", CONTENT)
    assert sorted(os.listdir(tmp_path / "cache")) == [f"boot-{number}" for number in (0, 2, 3, 4, 5, 6)]
    assert said == []


def test_boot_files_count(tmp_path: Path) -> None:
    """They have half of the space at most; what they have blobs have not, and compiled modules have a quarter."""
    cache = Cache(str(tmp_path / "cache"), 1000, lambda text: None)
    assert cache.disk is not None
    assert cache.disk.limit_bytes == 750
    for number in range(3):
        cache.keep_boot_file(f"boot-{number}", b"x" * 200)
        os.utime(tmp_path / "cache" / f"boot-{number}", ns=(number, number))
    assert sorted(os.listdir(tmp_path / "cache")) == ["boot-1", "boot-2"]
    assert cache.disk.limit_bytes == 350
    later = Cache(str(tmp_path / "cache"), 1000, lambda text: None)
    assert later.disk is not None
    assert later.disk.limit_bytes == 350
    much_less = Cache(str(tmp_path / "cache"), 100, lambda text: None)
    assert much_less.disk is not None
    assert much_less.disk.limit_bytes == 0


def test_a_full_or_read_only_place_is_reported_and_forgiven(tmp_path: Path) -> None:
    said: list[str] = []
    (tmp_path / "file").write_text("")
    cache = Cache(str(tmp_path / "file" / "cache"), 1000, said.append)
    assert cache.directory is None
    assert said == [f"cannot use the cache directory {tmp_path}/file/cache: Not a directory"]


def test_it_can_be_shown_and_cleared(tmp_path: Path) -> None:
    cache = Cache(str(tmp_path / "cache"), 1000, lambda text: None)
    cache.blobs.put(CONTENT)
    cache.keep_boot_file("boot-1", CONTENT)
    shown = {"directory": cache.directory, "files": 2, "size_bytes": 2 * len(CONTENT), "limit_bytes": 1000}
    assert cache.show() == shown
    assert cache.clear() == shown
    assert cache.show()["files"] == 0


def test_clearing_follows_no_link(tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(mode=0o700)
    (elsewhere / "kept").write_text("")
    cache = Cache(str(tmp_path / "cache"), 1000, lambda text: None)
    (tmp_path / "cache" / "link").symlink_to(elsewhere)
    cache.clear()
    assert (elsewhere / "kept").exists()
    assert os.listdir(tmp_path / "cache") == []
