# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files appear as a whole or not at all, whatever goes wrong while they are pulled."""

from __future__ import annotations

import errno
import os
import stat
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ansible_svc.errors import CancelledError, DeadlineExceededError, DisconnectedError
from ansible_svc.service.request import Request
from ansible_svc.store import DigestMismatchError, FileAccessError, digest_bytes
from ansible_svc.target.blobs import CHUNK_BYTES, WIDEST, WINDOW, chunks_of, pull
from ansible_svc.target.file_writer import AtomicFile, FileWriter

if TYPE_CHECKING:
    from pathlib import Path

CONTENT = bytes(range(256)) * (10 * CHUNK_BYTES // 256) + b"the end"
DIGEST = digest_bytes(CONTENT)
Error = BaseException


class FakeCall:
    """Be one outstanding request."""

    def __init__(self, controller: FakeController, answer: bytes | Error | None) -> None:
        self.controller = controller
        self.answer = answer
        self.done = threading.Event()
        if answer is not None:
            self.done.set()

    def result(self) -> bytes:
        if self.answer is None:
            self.controller.waited_for.set()
        assert self.done.wait(10)
        self.controller.outstanding.discard(self)
        assert self.answer is not None
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer

    def cancel(self) -> None:
        self.controller.outstanding.discard(self)
        if not self.done.is_set():
            self.answer = CancelledError("the call was cancelled")
            self.done.set()


class FakeController:
    """Serve blobs, and go wrong at a given request."""

    def __init__(self, *blobs: bytes, fail_at: int = -1, failure: Error | bytes | None = None) -> None:
        self.blobs = {digest_bytes(blob): blob for blob in blobs}
        self.fail_at = fail_at
        self.failure = failure
        self.asked: list[tuple[str, int, int]] = []
        self.timeouts: list[float | None] = []
        self.outstanding: set[FakeCall] = set()
        self.most_outstanding = 0
        self.waited_for = threading.Event()  # somebody waits for a request that has no answer

    def __call__(self, digest: str, offset: int, length: int, timeout_s: float | None) -> Any:
        self.timeouts.append(timeout_s)
        answer: bytes | Error | None = self.blobs[digest][offset : offset + length]
        if len(self.asked) == self.fail_at:
            answer = self.failure
        self.asked.append((digest, offset, length))
        call = FakeCall(self, answer)
        self.outstanding.add(call)
        self.most_outstanding = max(self.most_outstanding, len(self.outstanding))
        return call


def request(deadline: float | None = None) -> Request:
    return Request(0, True, deadline=deadline)


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=["unnamed", "no O_TMPFILE", "refused", "no /proc"])
def file_system(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have each way to make a temporary file."""
    if request.param == "no O_TMPFILE":
        monkeypatch.delattr(os, "O_TMPFILE")
    elif request.param == "refused":
        opened = os.open

        def refuse(path: str, flags: int, *args: Any, **kwargs: Any) -> int:
            if flags & os.O_TMPFILE == os.O_TMPFILE:
                raise OSError(errno.EOPNOTSUPP, "Operation not supported")
            return opened(path, flags, *args, **kwargs)

        monkeypatch.setattr(os, "open", refuse)
    elif request.param == "no /proc":
        exists = os.path.exists
        monkeypatch.setattr(os.path, "exists", lambda path: "/proc" not in str(path) and exists(path))


@pytest.mark.usefixtures("file_system")
def test_a_file_is_pulled_into_place(tmp_path: Path) -> None:
    controller = FakeController(CONTENT)
    FileWriter(controller).write(str(tmp_path / "file"), DIGEST, len(CONTENT), mode=0o754)
    assert (tmp_path / "file").read_bytes() == CONTENT
    assert mode_of(tmp_path / "file") == 0o754
    assert os.listdir(tmp_path) == ["file"]
    assert WINDOW <= controller.most_outstanding <= WIDEST
    assert [offset for _, offset, _ in controller.asked] == list(range(0, len(CONTENT), CHUNK_BYTES))


class FakeLine:
    """Be a line on which answers take a while to come, and a while to pass."""

    def __init__(self, round_trip_s: float, passing_s: float) -> None:
        self.now = self._last = 0.0
        self.outstanding = self.most_outstanding = 0
        self._round_trip_s, self._passing_s = round_trip_s, passing_s

    def fetch(self, digest: str, offset: int, length: int, timeout_s: float | None) -> Any:
        self._last = arrives = max(self.now + self._round_trip_s, self._last + self._passing_s)
        self.outstanding += 1
        self.most_outstanding = max(self.most_outstanding, self.outstanding)

        def result() -> bytes:
            self.outstanding -= 1
            self.now = max(self.now, arrives)
            return b"x" * length

        return SimpleNamespace(result=result, cancel=lambda: True)


@pytest.mark.parametrize(
    ("round_trip_s", "passing_s", "least", "most"),
    [(1.0, 0.01, WIDEST, WIDEST), (0.01, 1.0, WINDOW, WINDOW + 3)],
    ids=["a long line", "a narrow line"],
)
def test_the_window_widens_where_that_helps(
    round_trip_s: float, passing_s: float, least: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = FakeLine(round_trip_s, passing_s)
    monkeypatch.setattr("ansible_svc.target.blobs.time.monotonic", lambda: line.now)
    assert sum(map(len, pull(line.fetch, chunks_of(DIGEST, 100 * CHUNK_BYTES)))) == 100 * CHUNK_BYTES
    assert least <= line.most_outstanding <= most


@pytest.mark.usefixtures("file_system")
@pytest.mark.parametrize("fail_at", [0, 3, 10])
@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        (DisconnectedError("gone"), DisconnectedError),
        (b"\xff" * CHUNK_BYTES, DigestMismatchError),
        (b"too short", DigestMismatchError),
    ],
)
def test_on_an_error_nothing_has_happened(
    tmp_path: Path, fail_at: int, failure: Error | bytes, expected: type[Exception]
) -> None:
    (tmp_path / "file").write_bytes(b"before")
    controller = FakeController(CONTENT, fail_at=fail_at, failure=failure)
    with pytest.raises(expected):
        FileWriter(controller).write(str(tmp_path / "file"), DIGEST, len(CONTENT))
    assert (tmp_path / "file").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["file"]
    assert controller.outstanding == set()


def test_a_cancelled_transfer_ends_and_leaves_nothing(tmp_path: Path) -> None:
    controller = FakeController(CONTENT, fail_at=5, failure=None)
    asked_for = request()
    outcome: list[Error] = []

    def write() -> None:
        try:
            FileWriter(controller).write(str(tmp_path / "file"), DIGEST, len(CONTENT), request=asked_for)
        except CancelledError as error:
            outcome.append(error)

    thread = threading.Thread(target=write)
    thread.start()
    assert controller.waited_for.wait(10)
    asked_for.cancel(CancelledError("the caller has gone"))
    thread.join(10)
    assert len(outcome) == 1
    assert os.listdir(tmp_path) == []
    assert controller.outstanding == set()


def test_a_request_cancelled_before_it_starts_transfers_next_to_nothing(tmp_path: Path) -> None:
    controller = FakeController(CONTENT)
    asked_for = request()
    asked_for.cancel(CancelledError("the caller has gone"))
    with pytest.raises(CancelledError):
        FileWriter(controller).write(str(tmp_path / "file"), DIGEST, len(CONTENT), request=asked_for)
    assert len(controller.asked) == 1
    assert controller.outstanding == set()


def test_the_deadline_bounds_the_whole_transfer(tmp_path: Path) -> None:
    controller = FakeController(CONTENT)
    FileWriter(controller).write(str(tmp_path / "file"), DIGEST, len(CONTENT), request=request(time.monotonic() + 100))
    assert all(timeout is not None and 0 < timeout <= 100 for timeout in controller.timeouts)
    with pytest.raises(DeadlineExceededError):
        FileWriter(controller).write(str(tmp_path / "other"), DIGEST, len(CONTENT), request=request(time.monotonic()))
    assert os.listdir(tmp_path) == ["file"]


def test_content_that_comes_along_is_not_pulled(tmp_path: Path) -> None:
    controller = FakeController()
    FileWriter(controller).write(str(tmp_path / "file"), digest_bytes(b"x"), 1, content=b"x")
    assert (tmp_path / "file").read_bytes() == b"x"
    assert mode_of(tmp_path / "file") == 0o600
    assert controller.asked == []
    with pytest.raises(DigestMismatchError):
        FileWriter(controller).write(str(tmp_path / "file"), digest_bytes(b"x"), 1, content=b"y")
    assert (tmp_path / "file").read_bytes() == b"x"


@pytest.mark.parametrize("content", [None, b""])
def test_an_empty_file_is_a_file(tmp_path: Path, content: bytes | None) -> None:
    FileWriter(FakeController()).write(str(tmp_path / "file"), digest_bytes(b""), 0, content=content)
    assert (tmp_path / "file").read_bytes() == b""


def test_a_file_that_is_replaced_lends_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    path.chmod(0o4641)
    FileWriter(FakeController()).write(str(path), digest_bytes(b"x"), 1, creation_mode=0o777, content=b"x")
    assert mode_of(path) == 0o641


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_a_file_that_is_replaced_lends_its_owner(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    os.chown(path, 12345, 12346)
    FileWriter(FakeController()).write(str(path), digest_bytes(b"x"), 1, content=b"x")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


def test_a_new_file_gets_its_mode_less_the_umask(tmp_path: Path) -> None:
    previous = os.umask(0o027)
    try:
        FileWriter(FakeController()).write(
            str(tmp_path / "file"), digest_bytes(b"x"), 1, creation_mode=0o666, content=b"x"
        )
        FileWriter(FakeController()).write(str(tmp_path / "exact"), digest_bytes(b"x"), 1, mode=0o666, content=b"x")
    finally:
        os.umask(previous)
    assert mode_of(tmp_path / "file") == 0o640
    assert mode_of(tmp_path / "exact") == 0o666


def test_a_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere" / "file")
    for content in (b"x", b"y"):
        FileWriter(FakeController()).write(str(tmp_path / "link"), digest_bytes(content), 1, content=content)
        assert (tmp_path / "link").is_symlink()
        assert (tmp_path / "elsewhere" / "file").read_bytes() == content


@pytest.mark.parametrize("place", ["missing/file", "plain/file", "directory"])
def test_a_place_that_cannot_be_written_is_named(tmp_path: Path, place: str) -> None:
    (tmp_path / "plain").write_bytes(b"")
    (tmp_path / "directory").mkdir()
    path = str(tmp_path / place)
    controller = FakeController(CONTENT)
    descriptors = len(os.listdir("/proc/self/fd"))
    with pytest.raises(FileAccessError) as failed:
        FileWriter(controller).write(path, DIGEST, len(CONTENT))
    assert failed.value.filename == path
    assert path in str(failed.value)
    assert controller.asked == []
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_full_disk_is_named_and_ends_the_transfer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    controller = FakeController(CONTENT)

    def full(_descriptor: int, _data: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(FileAccessError, match="No space left") as failed:
        FileWriter(controller).write(str(tmp_path / "file"), DIGEST, len(CONTENT))
    assert failed.value.errno == errno.ENOSPC
    assert os.listdir(tmp_path) == []
    assert controller.outstanding == set()


def test_an_unfinished_file_has_no_name_where_that_is_possible(tmp_path: Path) -> None:
    with AtomicFile(str(tmp_path / "file")) as file:
        file.write(b"x" * 100)
        assert os.listdir(tmp_path) == []
    assert os.listdir(tmp_path) == []


@pytest.mark.usefixtures("file_system")
def test_a_failed_rename_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_args: Any, **_kwargs: Any) -> None:
        raise OSError(errno.EBUSY, "Device or resource busy")

    monkeypatch.setattr(os, "rename", fail)
    with pytest.raises(FileAccessError, match="busy"):
        FileWriter(FakeController()).write(str(tmp_path / "file"), digest_bytes(b"x"), 1, content=b"x")
    assert os.listdir(tmp_path) == []
