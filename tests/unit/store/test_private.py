# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which directories are trusted, and what is read and written there."""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_svc.store.private import open_private, private_home, private_path, read_private, write_private


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[int]:
    descriptor = open_private(str(tmp_path / "a" / "b"), create=True)
    yield descriptor
    os.close(descriptor)


def test_it_is_made_for_this_user_alone(tmp_path: Path, folder: int) -> None:
    assert (tmp_path / "a" / "b").stat().st_mode & 0o777 == 0o700


def test_the_umask_does_not_matter(tmp_path: Path) -> None:
    before = os.umask(0o777)
    try:
        os.close(open_private(str(tmp_path / "a" / "b" / "c"), create=True))
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (tmp_path / "a", tmp_path / "a" / "b")] == [0o700] * 2


def test_what_is_missing_is_not_made_unasked(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        open_private(str(tmp_path / "a"))
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("mode", [0o720, 0o702, 0o777])
def test_one_that_others_may_write_to_is_refused(tmp_path: Path, mode: int) -> None:
    tmp_path.chmod(mode)
    with pytest.raises(PermissionError, match="writable by others"):
        open_private(str(tmp_path))


def test_one_that_others_may_read_is_closed_to_them(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    os.close(open_private(str(tmp_path)))
    assert tmp_path.stat().st_mode & 0o777 == 0o700


def test_somebody_elses_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: tmp_path.stat().st_uid + 1)
    with pytest.raises(PermissionError, match="owned by uid"):
        open_private(str(tmp_path))


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to("real")
    with pytest.raises(OSError, match="link"):
        open_private(str(tmp_path / "link"), create=True)


def test_a_file_is_written_whole_and_replaced(tmp_path: Path, folder: int) -> None:
    for content in (b"one", b"another"):
        write_private(folder, "name", content)
        assert read_private(folder, "name") == content
    assert os.listdir(tmp_path / "a" / "b") == ["name"]
    assert (tmp_path / "a" / "b" / "name").stat().st_mode & 0o777 == 0o600


def test_a_failed_write_leaves_nothing(tmp_path: Path, folder: int) -> None:
    (tmp_path / "a" / "b" / "name").mkdir()
    with pytest.raises(OSError):
        write_private(folder, "name", b"content")
    assert os.listdir(tmp_path / "a" / "b") == ["name"]


def test_links_fifos_and_directories_are_no_files(tmp_path: Path, folder: int) -> None:
    inside = tmp_path / "a" / "b"
    (inside / "target").write_bytes(b"x")
    (inside / "link").symlink_to("target")
    os.mkfifo(inside / "fifo")
    (inside / "directory").mkdir()
    for name in ("link", "fifo", "absent"):
        assert read_private(folder, name) is None
    with pytest.raises(IsADirectoryError):
        read_private(folder, "directory")


def test_home_is_the_variable_when_that_is_this_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert private_home() == str(tmp_path)
    assert private_path("~/x") == f"{tmp_path}/x"


@pytest.mark.parametrize("home", [None, "", "relative", "/no/such/place"])
def test_another_home_is_the_databases(home: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    if home is None:
        monkeypatch.delenv("HOME", raising=False)
    else:
        monkeypatch.setenv("HOME", home)
    assert private_home() == pwd.getpwuid(os.geteuid()).pw_dir


def test_a_home_that_sudo_kept_is_not_this_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    other = tmp_path.stat().st_uid + 12345
    monkeypatch.setattr(os, "geteuid", lambda: other)
    assert private_home() is None
    assert private_path("~/x") is None


def test_paths() -> None:
    assert private_path("/var/cache/x") == f"/var/cache/x/{os.geteuid()}"
    assert private_path("relative") is None
    assert private_path("~other/x") is None
