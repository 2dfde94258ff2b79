# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The file service without a wire: what is read, what is served, to whom."""

from __future__ import annotations

import os
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ansible_svc.services import files_sources
from ansible_svc.services.files import MAX_CHUNK_BYTES, FileService
from ansible_svc.services.files_sources import BLOCK_BYTES
from ansible_svc.store import (
    BlobNotFoundError,
    FileAccessError,
    NotGrantedError,
    SourceChangedError,
    StoreFullError,
    digest_bytes,
)
from ansible_svc.target.blobs import FILE_SERVICE

if TYPE_CHECKING:
    from pathlib import Path

HOST = 5


@pytest.fixture
def service() -> FileService:
    return FileService(router=None)


def settle(path: Path, age_s: float = 10) -> Path:
    """Make the file old enough for its version to be trusted."""
    now = path.stat().st_mtime
    os.utime(path, (now - age_s, now - age_s))
    while not files_sources.FileVersion.of(str(path), path.stat()).is_settled(time.time_ns()):
        time.sleep(0.001)
    return path


def write(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return settle(path)


def pattern(size: int) -> bytes:
    return (bytes(range(256)) * (size // 255 + 1))[:size]


def fetch(service: FileService, digest: str, offset: int = 0, length: int = MAX_CHUNK_BYTES, host: int = HOST) -> bytes:
    request: Any = SimpleNamespace(caller_id=host)
    return service.fetch(digest=digest, offset=offset, length=length, request=request)


def fetch_all(service: FileService, digest: str, length: int) -> bytes:
    pieces = [b""]
    offset = 0
    while offset == 0 or pieces[-1]:
        pieces.append(fetch(service, digest, offset, length))
        offset += len(pieces[-1])
        if not pieces[-1]:
            break
    return b"".join(pieces)


def test_targets_know_the_name_of_the_service() -> None:
    assert FileService.name() == FILE_SERVICE


@pytest.mark.parametrize("small", [True, False], ids=["from memory", "in blocks"])
@pytest.mark.parametrize("size", [0, 1, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 77])
@pytest.mark.parametrize("length", [1000 * 77, BLOCK_BYTES, MAX_CHUNK_BYTES])
def test_what_is_fetched_is_the_file(tmp_path: Path, size: int, length: int, small: bool) -> None:
    service = FileService(None, memory_bytes=64 * 1024 * 1024 if small else 0)
    path = write(tmp_path / "file", pattern(size))
    path.chmod(0o640)
    offer = service.offer(str(path))
    assert (offer.path, offer.digest, offer.size, offer.mode) == (str(path), digest_bytes(pattern(size)), size, 0o640)
    with service.granted(HOST, offer.digest):
        assert fetch_all(service, offer.digest, length) == pattern(size)
    statistics = service.statistics()
    assert statistics.files_read == 1
    assert statistics.files_served == (1 if size else 0)
    assert statistics.bytes_served == size
    assert (statistics.blocks_read > 0) is (not small and size > 0)
    assert statistics.grants == 0


def test_a_file_is_read_once_however_many_threads_offer_it(
    service: FileService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(write(tmp_path / "file", pattern(1000)))
    opens = []
    opened = os.open
    monkeypatch.setattr(os, "open", lambda *args, **kwargs: opens.append(args[0]) or opened(*args, **kwargs))
    offers = []
    threads = [threading.Thread(target=lambda: offers.append(service.offer(path))) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opens == [path]
    assert len(offers) == 20
    assert len(set(offers)) == 1
    assert service.statistics().files_read == 1


def test_a_link_is_the_file_it_leads_to(service: FileService, tmp_path: Path) -> None:
    path = write(tmp_path / "file", b"content")
    (tmp_path / "link").symlink_to(path)
    assert service.offer(str(tmp_path / "link")).digest == service.offer(str(path)).digest
    assert service.statistics().files_read == 1


def test_a_modified_file_is_read_again(service: FileService, tmp_path: Path) -> None:
    path = write(tmp_path / "file", b"before")
    before = service.offer(str(path))
    path.write_bytes(b"after!")
    settle(path, 5)
    after = service.offer(str(path))
    assert (before.digest, after.digest) == (digest_bytes(b"before"), digest_bytes(b"after!"))


def test_a_file_modified_just_now_is_not_trusted_to_stay(service: FileService, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"before")
    stamp = path.stat()
    os.utime(path, ns=(stamp.st_atime_ns, files_sources.time.time_ns() + 1_000_000_001))
    stamp = path.stat()
    service.offer(str(path))
    path.write_bytes(b"after!")
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    assert service.offer(str(path)).digest == digest_bytes(b"after!")


def test_what_is_known_of_a_new_file_will_do_until_it_shows_a_change(service: FileService, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"content")
    known = service.offer(str(path))
    assert service.offer(str(path), known) is known
    path.write_bytes(b"other content")
    assert service.offer(str(path), known).digest == digest_bytes(b"other content")
    assert service.statistics().files_read == 2


@pytest.mark.parametrize("name", ["/proc/version", "/sys/kernel/mm/transparent_hugepage/enabled"])
def test_a_file_that_does_not_tell_its_size(service: FileService, name: str) -> None:
    if not os.path.exists(name):
        pytest.skip(f"this system has no {name}")
    with open(name, "rb") as file:
        content = file.read()
    assert os.stat(name).st_size != len(content)
    offer = service.offer(name)
    assert (offer.size, offer.digest, service.content(offer.digest)) == (len(content), digest_bytes(content), content)
    with service.granted(HOST, offer.digest):
        assert fetch(service, offer.digest, 0, 100) == content[:100]
    service.offer(name)
    assert service.statistics().files_read == 2, "its times tell nothing of what it holds"


@pytest.mark.parametrize("kind", ["missing", "directory", "fifo"])
def test_what_is_no_readable_file_is_named(service: FileService, tmp_path: Path, kind: str) -> None:
    path = tmp_path / "thing"
    if kind == "directory":
        path.mkdir()
    elif kind == "fifo":
        os.mkfifo(path)
    with pytest.raises(FileAccessError, match=f"cannot read {path}: "):
        service.offer(str(path))


def test_a_file_that_changes_while_it_is_digested_is_an_error(
    service: FileService, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(tmp_path / "file", pattern(3 * BLOCK_BYTES))
    pread = os.pread

    def pread_and_append(descriptor: int, length: int, offset: int) -> bytes:
        with open(path, "ab") as stream:
            stream.write(b"more")
        return pread(descriptor, length, offset)

    monkeypatch.setattr(os, "pread", pread_and_append)
    with pytest.raises(SourceChangedError, match=str(path)):
        service.offer(str(path))


def test_a_file_that_changes_while_it_is_sent_is_an_error(tmp_path: Path) -> None:
    service = FileService(None, memory_bytes=0)
    path = write(tmp_path / "file", pattern(20 * BLOCK_BYTES))
    offer = service.offer(str(path))
    with service.granted(HOST, offer.digest):
        fetch(service, offer.digest, 0, BLOCK_BYTES)
        path.write_bytes(pattern(20 * BLOCK_BYTES)[::-1])
        for _ in range(2):
            with pytest.raises(SourceChangedError, match=str(path)):
                fetch(service, offer.digest, 5 * BLOCK_BYTES, BLOCK_BYTES)
        path.unlink()
        with pytest.raises(FileAccessError, match=str(path)):
            fetch(service, offer.digest, 6 * BLOCK_BYTES, BLOCK_BYTES)


def test_a_file_that_is_gone_is_served_from_another_place_with_that_content(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = FileService(None, memory_bytes=0, block_cache_bytes=0)
    first, second = write(tmp_path / "first", b"content"), write(tmp_path / "second", b"content")
    digest = service.offer(str(first)).digest
    assert service.offer(str(second)).digest == digest
    second.unlink()
    opens = []
    opened = os.open
    monkeypatch.setattr(os, "open", lambda *args, **kwargs: opens.append(args[0]) or opened(*args, **kwargs))
    with service.granted(HOST, digest):
        assert fetch(service, digest) == b"content"
        assert fetch(service, digest) == b"content"
    assert opens == [str(second), str(first), str(first)]


def test_hosts_in_step_share_the_reads_of_a_large_file(tmp_path: Path) -> None:
    service = FileService(None, memory_bytes=0, block_cache_bytes=2 * BLOCK_BYTES)
    offer = service.offer(str(write(tmp_path / "file", pattern(8 * BLOCK_BYTES))))
    hosts = range(10, 20)
    for host in hosts:
        service.grant(host, offer.digest)
    for offset in range(0, offer.size, BLOCK_BYTES):
        for host in hosts:
            fetch(service, offer.digest, offset, BLOCK_BYTES, host)
    statistics = service.statistics()
    assert statistics.blocks_read == 8
    assert statistics.files_served == 10
    assert statistics.bytes_served == 10 * offer.size


def test_nothing_is_served_without_a_grant(service: FileService, tmp_path: Path) -> None:
    digest = service.offer(str(write(tmp_path / "file", b"content"))).digest
    service.grant(HOST, digest)
    with pytest.raises(NotGrantedError) as refused:
        fetch(service, digest, host=HOST + 1)
    assert isinstance(refused.value, PermissionError)
    service.revoke(HOST, digest)
    with pytest.raises(NotGrantedError):
        fetch(service, digest)
    with pytest.raises(NotGrantedError):
        fetch(service, "no digest")
    assert service.statistics().refused == 3


def test_a_grant_is_counted(service: FileService) -> None:
    digest = service.put(b"content")
    with service.granted(HOST, digest):
        with service.granted(HOST, digest, digest):
            assert fetch(service, digest) == b"content"
        assert fetch(service, digest) == b"content"
    with pytest.raises(NotGrantedError):
        fetch(service, digest)


def test_what_does_not_exist_cannot_be_granted(service: FileService) -> None:
    digest = service.put(b"content")
    with pytest.raises(BlobNotFoundError), service.granted(HOST, digest, "0" * 64):
        pass
    with pytest.raises(NotGrantedError):
        fetch(service, digest)
    with pytest.raises(ValueError, match="not a sha256"):
        service.grant(HOST, "../../etc/shadow")


@pytest.mark.parametrize(("offset", "length"), [(-1, 1), (0, 0), (0, -1), (0, MAX_CHUNK_BYTES + 1)])
def test_chunks_are_bounded(service: FileService, offset: int, length: int) -> None:
    digest = service.put(b"content")
    with service.granted(HOST, digest), pytest.raises(ValueError, match="no chunk"):
        fetch(service, digest, offset, length)


def test_a_chunk_behind_the_end_is_empty(tmp_path: Path) -> None:
    service = FileService(None, memory_bytes=0)
    digest = service.offer(str(write(tmp_path / "file", b"content"))).digest
    with service.granted(HOST, digest):
        assert fetch(service, digest, 7, 1) == b""
        assert fetch(service, digest, 10**15, 1) == b""
    assert service.statistics().files_served == 0


def test_a_granted_blob_stays_and_others_make_room() -> None:
    service = FileService(None, memory_bytes=100)
    digest = service.put(b"a" * 60)
    with service.granted(HOST, digest):
        service.put(b"b" * 40)
        service.put(b"c" * 40)
        with pytest.raises(StoreFullError):
            service.put(b"d" * 41)
        assert fetch(service, digest) == b"a" * 60
    service.put(b"d" * 100)
    assert service.content(digest) is None
    assert service.statistics().memory.pinned_blobs == 0


def test_a_blob_that_is_kept_stays_until_it_is_discarded() -> None:
    service = FileService(None, memory_bytes=100)
    digest = service.put(b"a" * 60, keep=True)
    service.put(b"b" * 40)
    service.put(b"c" * 40)
    assert service.content(digest) == b"a" * 60
    service.discard(digest)
    service.put(b"d" * 100)
    assert service.content(digest) is None


def test_a_small_file_is_at_hand_to_be_sent_along(service: FileService, tmp_path: Path) -> None:
    offer = service.offer(str(write(tmp_path / "file", b"content")))
    assert service.content(offer.digest) == b"content"
