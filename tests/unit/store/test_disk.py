# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The disk store: a cache that is never trusted and never in the way."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ansible_svc.store import DiskStore
from ansible_svc.store.digests import digest_bytes

LIMIT_BYTES = 160
CONTENTS = [bytes([number]) * size for number, size in enumerate([0, 1, 10, 40, 60, 80, 160, 161])]
contents = st.sampled_from(CONTENTS)


def make(directory: Path, limit_bytes: int = 1000) -> tuple[DiskStore, list[str]]:
    reports: list[str] = []
    return DiskStore(directory / "blobs", limit_bytes, reports.append), reports


class DiskStoreMachine(RuleBasedStateMachine):
    """Put, get, corrupt and remove in any order: what is answered is always right or "not there"."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = Path(tempfile.mkdtemp())
        self.store, _ = make(self.directory, LIMIT_BYTES)
        self.may_be_there: set[bytes] = set()
        self.last: bytes | None = None

    def teardown(self) -> None:
        shutil.rmtree(self.directory)

    def path(self, content: bytes) -> Path:
        return self.directory / "blobs" / digest_bytes(content)

    @rule(content=contents)
    def put(self, content: bytes) -> None:
        assert self.store.put(content) == digest_bytes(content)
        if len(content) <= LIMIT_BYTES:
            self.may_be_there.add(content)
            self.last = content

    @rule(content=contents)
    def get(self, content: bytes) -> None:
        found = self.store.get(digest_bytes(content))
        assert found in (None, content)
        assert found is None or content in self.may_be_there
        if content == self.last:
            assert found == content

    @rule(content=contents, broken=st.sampled_from([b"", b"other", b"\xff" * 60]))
    def corrupt(self, content: bytes, broken: bytes) -> None:
        if self.path(content).exists() and broken != content:
            self.path(content).write_bytes(broken)
            assert self.store.get(digest_bytes(content)) is None
            assert not self.path(content).exists()
            self.may_be_there.discard(content)
            if self.last == content:
                self.last = None

    @rule()
    def start_again(self) -> None:
        self.store, _ = make(self.directory, LIMIT_BYTES)

    @invariant()
    def stays_within_its_bound(self) -> None:
        names = os.listdir(self.directory / "blobs") if self.may_be_there else []
        total = sum((self.directory / "blobs" / name).stat().st_size for name in names)
        assert total <= LIMIT_BYTES + LIMIT_BYTES // 16
        assert not [name for name in names if name.startswith(".")]


TestDiskStoreMachine = DiskStoreMachine.TestCase
TestDiskStoreMachine.settings = settings(max_examples=40, stateful_step_count=25)


def test_a_blob_outlasts_the_store(tmp_path: Path) -> None:
    store, reports = make(tmp_path)
    digest = store.put(b"content")
    again, _ = make(tmp_path)
    assert digest in again
    assert again.get(digest) == b"content"
    assert reports == []


def test_what_was_just_written_stays_whatever_the_clock_says(tmp_path: Path) -> None:
    first, _ = make(tmp_path, LIMIT_BYTES)
    large = first.put(CONTENTS[6])
    os.utime(tmp_path / "blobs" / large, (2**32, 2**32))
    store, _ = make(tmp_path, LIMIT_BYTES)  # its first write looks for what to remove
    small = store.put(b"content")
    assert store.get(small) == b"content"
    assert store.get(large) is None


def test_nobody_else_can_look_inside(tmp_path: Path) -> None:
    previous = os.umask(0)
    try:
        store, _ = make(tmp_path)
        digest = store.put(b"content")
    finally:
        os.umask(previous)
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "blobs" / digest).stat().st_mode) == 0o600


def test_a_directory_that_others_may_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir(0o755)
    store, reports = make(tmp_path)
    digest = store.put(b"content")
    assert store.get(digest) == b"content"
    assert stat.S_IMODE((tmp_path / "blobs").stat().st_mode) == 0o700
    assert reports == []


def test_a_directory_that_others_may_write_is_refused(tmp_path: Path) -> None:
    digest = make(tmp_path)[0].put(b"content")
    (tmp_path / "blobs").chmod(0o777)
    store, reports = make(tmp_path)
    assert store.get(digest) is None
    assert store.get(digest) is None
    assert digest not in store
    assert len(reports) == 1
    assert "writable by others" in reports[0]
    assert store.add_verified(digest, b"content") is False


def test_a_directory_behind_a_symlink_is_refused(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(0o700)
    (tmp_path / "blobs").symlink_to(tmp_path / "real")
    store, reports = make(tmp_path)
    store.put(b"content")
    assert os.listdir(tmp_path / "real") == []
    assert len(reports) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    digest = make(tmp_path)[0].put(b"content")
    os.chown(tmp_path / "blobs", 12345, -1)
    store, reports = make(tmp_path)
    assert store.get(digest) is None
    store.put(b"other")
    assert [report.split(": ")[1] for report in reports] == ["cannot read", "cannot write"]
    assert all("owned by uid 12345" in report for report in reports)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_blob_of_another_user_is_not_believed(tmp_path: Path) -> None:
    store, reports = make(tmp_path)
    digest = store.put(b"content")
    os.chown(tmp_path / "blobs" / digest, 12345, -1)
    assert digest not in store
    assert store.get(digest) is None
    assert store.put(b"content") == digest
    assert store.get(digest) == b"content"
    assert len(reports) == 1


@pytest.mark.parametrize("kind", ["symlink", "fifo", "directory"])
def test_what_is_no_file_is_no_blob(tmp_path: Path, kind: str) -> None:
    store, reports = make(tmp_path)
    store.put(b"another")
    digest = digest_bytes(b"content")
    path = tmp_path / "blobs" / digest
    (tmp_path / "elsewhere").write_bytes(b"content")
    if kind == "symlink":
        path.symlink_to(tmp_path / "elsewhere")
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        path.mkdir()
    assert digest not in store
    assert store.get(digest) is None
    assert store.statistics().broken == 1
    assert reports
    store.put(b"content")
    assert store.get(digest) == (None if kind == "directory" else b"content")
    assert (tmp_path / "elsewhere").read_bytes() == b"content"


def test_a_broken_blob_is_reported_once_and_replaced(tmp_path: Path) -> None:
    store, reports = make(tmp_path)
    digests = [store.put(bytes([number])) for number in range(3)]
    for digest in digests:
        (tmp_path / "blobs" / digest).write_bytes(b"x")
    assert [store.get(digest) for digest in digests] == [None, None, None]
    assert len(reports) == 1
    store.put(b"\x00")
    assert store.get(digests[0]) == b"\x00"
    assert store.statistics().broken == 3


def test_a_place_where_nothing_can_be_written_is_gone_on_without(tmp_path: Path) -> None:
    (tmp_path / "blobs").write_bytes(b"a file where the directory should be")
    store, reports = make(tmp_path)
    digest = store.put(b"content")
    assert digest == digest_bytes(b"content")
    assert store.get(digest) is None
    assert digest not in store
    assert len(reports) == 2  # one for writing, one for reading


def test_a_full_disk_is_gone_on_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, reports = make(tmp_path)

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        digest = store.put(b"content")
        store.put(b"more")
    assert store.get(digest) is None
    assert os.listdir(tmp_path / "blobs") == []
    assert len(reports) == 1
    assert "No space left" in reports[0]
    assert store.statistics().problems == 2


def test_short_writes_are_continued(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store, _ = make(tmp_path)
    write = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
        digest = store.put(b"longer than three")
    assert store.get(digest) == b"longer than three"


def test_the_least_recently_used_goes_first(tmp_path: Path) -> None:
    store, _ = make(tmp_path, 100)
    first, second = store.put(b"1" * 40), store.put(b"2" * 40)
    for age_s, digest in ((50, first), (40, second)):
        moment = (tmp_path / "blobs" / digest).stat().st_mtime - age_s
        os.utime(tmp_path / "blobs" / digest, (moment, moment))
    assert store.get(first) == b"1" * 40
    third = store.put(b"3" * 40)
    assert second not in store
    assert first in store
    assert third in store
    assert store.statistics().evictions == 1


def test_what_a_killed_writer_left_is_removed(tmp_path: Path) -> None:
    (tmp_path / "blobs").mkdir(0o700)
    old, new = tmp_path / "blobs" / ".incoming-1-aa", tmp_path / "blobs" / ".incoming-2-bb"
    old.write_bytes(b"half")
    new.write_bytes(b"half")
    os.utime(old, (1, 1))
    make(tmp_path)[0].put(b"content")
    assert not old.exists()
    assert new.exists()
