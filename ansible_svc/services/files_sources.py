# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read local files: once to learn the digest, and block by block when they are sent.

A file is known by its *version*: where it is, which inode, how large, when modified and when its inode was changed,
which no program can set. Every read goes through a descriptor that is looked at again after the read, so what is read
belongs to that version or is an error.

Some files do not have the size that they say (those of /proc and /sys). Such a file is read anew for each offer, and
its content is kept in memory only.
"""

from __future__ import annotations

import hashlib
import os
import stat
import threading
import time
from collections import OrderedDict
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from ansible_svc.services.files_shared_reads import SharedReads
from ansible_svc.store import BlobNotFoundError, SourceChangedError, file_access_error
from ansible_svc.store.digests import hasher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_svc.store import MemoryStore

#: Unit of reading and caching; what a target asks for at a time.
BLOCK_BYTES = 256 * 1024
#: How many files are remembered with their digests.
_OFFER_LIMIT = 10_000
#: How many places are remembered for one digest, and for how many digests that nobody is granted.
_PLACES_PER_DIGEST = 8
_DIGEST_LIMIT = 10_000
# Timestamps come from the kernel's tick (10 ms at most), or are whole seconds on some file systems. A file
# modified so shortly before it is read could be modified again within the same timestamp.
_TICK_NS = 20_000_000
_COARSE_NS = 2_000_000_000


class FileVersion(NamedTuple):
    """Name one state of one file."""

    path: str
    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, path: str, status: os.stat_result) -> FileVersion:
        """Return the version that *status* shows of the file at the real path *path*."""
        return cls(path, status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)

    def is_settled(self, now_ns: int) -> bool:
        """Say whether any modification after *now_ns* would show in the times."""
        latest_ns = max(self.mtime_ns, self.ctime_ns)
        window_ns = _TICK_NS if latest_ns % 1_000_000_000 else _COARSE_NS
        return latest_ns + window_ns < now_ns

    def has_content_of(self, other: FileVersion) -> bool:
        """Say whether the same content is to be expected: modes, owners and links may have changed."""
        return self._replace(ctime_ns=other.ctime_ns) == other


class FileOffer(NamedTuple):
    """Describe a local file that can be granted and fetched by its digest.

    ``path`` is as it was asked for, ``size`` is that of the content, ``mode`` holds the permission bits; ``sha1`` is
    what ansible-core compares.
    """

    path: str
    digest: str
    sha1: str
    size: int
    mode: int
    version: FileVersion


class _Content(NamedTuple):
    """What a file was found to hold."""

    digest: str
    sha1: str
    size: int


@dataclass
class SourceCounters:
    """Count what was read from disk. ``opens`` are whole reads of a file, ``blocks`` reads for sending."""

    opens: int = 0
    blocks: int = 0
    bytes_read: int = 0


class Sources:
    """Know the digests of local files and where the content of a digest can be read.

    Threads: every method may be called from any thread and blocks for disk I/O.

    Guarded by: ``_lock`` guards ``counters`` and ``_places``.
    """

    def __init__(
        self, memory: MemoryStore, small_bytes: int, block_cache_bytes: int, is_granted: Callable[[str], bool]
    ) -> None:
        """Make an empty table.

        Parameters:
            memory: gets the content of files that are no larger than *small_bytes*.
            block_cache_bytes: how much of the larger files is kept for hosts that follow each other closely.
            is_granted: tells whether a digest may still be fetched, so that its places must be remembered.
        """
        self.counters = SourceCounters()
        self._memory = memory
        self._small_bytes = small_bytes
        self._is_granted = is_granted
        self._lock = threading.Lock()
        self._places: OrderedDict[str, dict[FileVersion, None]] = OrderedDict()
        self._contents: SharedReads[FileVersion, _Content] = SharedReads(_OFFER_LIMIT, lambda _content: 1)
        self._blocks: SharedReads[tuple[FileVersion, int], bytes] = SharedReads(block_cache_bytes, len)

    def offer(self, path: str, known: FileOffer | None = None) -> FileOffer:
        """Return the digest, size and mode of a file, which is read unless this version of it is known.

        Parameters:
            path: the file.
            known: an earlier answer that will do for the same version, settled or not.

        Raises:
            FileAccessError: the file cannot be opened or read, or is no regular file.
            SourceChangedError: the file changed while it was read.
        """
        try:
            real_path = os.path.realpath(path)
            status = os.stat(real_path)
        except OSError as error:
            raise file_access_error("read", path, error) from error
        version = FileVersion.of(real_path, status)
        if known is not None and known.version == version:
            return known
        started_ns = time.time_ns()
        found = self._contents.get(
            version,
            lambda: self._read(version),
            keep=lambda content: content.size == version.size and version.is_settled(started_ns),
        )
        if found.size == version.size:
            self._remember(found.digest, version)
        return FileOffer(path, found.digest, found.sha1, found.size, stat.S_IMODE(status.st_mode), version)

    def has(self, digest: str) -> bool:
        """Say whether a file with this content was offered."""
        with self._lock:
            return digest in self._places

    def size(self, digest: str) -> int:
        """Return the size of the content in bytes.

        Raises:
            BlobNotFoundError: no file with this content was offered.
        """
        with self._lock:
            if digest not in self._places:
                raise BlobNotFoundError(f"no file was offered with digest {digest}")
            return next(iter(self._places[digest])).size

    def read_block(self, digest: str, index: int) -> bytes:
        """Return block number *index* of the content, shorter than BLOCK_BYTES only at its end.

        Any number of threads that ask for the same block at about the same time cause one read.

        Raises:
            BlobNotFoundError: no file with this content was offered.
            FileAccessError: its file can no longer be read.
            SourceChangedError: its file is no longer what it was.
        """
        failure: Exception = BlobNotFoundError(f"no file was offered with digest {digest}")
        for version in self._places_of(digest):
            try:
                return self._block(version, index)
            except (OSError, SourceChangedError) as error:
                # The same content may have been offered from somewhere else, too.
                failure = error
                self._forget(digest, version)
        raise failure

    def snapshot(self) -> SourceCounters:
        """Return a copy of the counters."""
        with self._lock:
            return SourceCounters(self.counters.opens, self.counters.blocks, self.counters.bytes_read)

    def _block(self, version: FileVersion, index: int) -> bytes:
        def read() -> bytes:
            with _opened(version) as descriptor:
                block = _read_at(descriptor, index * BLOCK_BYTES, BLOCK_BYTES)
            with self._lock:
                self.counters.blocks += 1
                self.counters.bytes_read += len(block)
            return block

        return self._blocks.get((version, index), read)

    def _read(self, version: FileVersion) -> _Content:
        """Read a file to its end, and keep the content if it is small, or can be had nowhere else."""
        digest, sha1 = hasher(), hashlib.sha1(usedforsecurity=False)
        kept: list[bytes] | None = []
        size, most = 0, version.size or self._small_bytes
        with _opened(version) as descriptor:
            while size <= most and (block := _read_at(descriptor, size, BLOCK_BYTES)):
                digest.update(block)
                sha1.update(block)
                size += len(block)
                if size > most or max(size, version.size) > self._small_bytes:
                    kept = None
                elif kept is not None:
                    kept.append(block)
        with self._lock:
            self.counters.opens += 1
            self.counters.bytes_read += size
        content = _Content(digest.hexdigest(), sha1.hexdigest(), size)
        if kept is not None:
            self._memory.add_verified(content.digest, b"".join(kept))
        elif size != version.size:
            error = OSError(None, f"it says that it has {version.size} bytes, and has more")
            raise file_access_error("read", version.path, error)
        return content

    def _remember(self, digest: str, version: FileVersion) -> None:
        with self._lock:
            places = self._places.setdefault(digest, {})
            self._places.move_to_end(digest)
            places.pop(version, None)
            places[version] = None
            while len(places) > _PLACES_PER_DIGEST:
                del places[next(iter(places))]
            surplus = list(self._places)[:-_DIGEST_LIMIT] if len(self._places) > _DIGEST_LIMIT else []
        for old in surplus:
            if not self._is_granted(old):
                with self._lock:
                    self._places.pop(old, None)

    def _places_of(self, digest: str) -> list[FileVersion]:
        """Return where the content can be read, the most recently offered place first."""
        with self._lock:
            return list(reversed(self._places.get(digest, {})))

    def _forget(self, digest: str, version: FileVersion) -> None:
        with self._lock:
            places = self._places.get(digest, {})
            if len(places) > 1:  # the last stays, so that the next one who asks gets the true reason
                places.pop(version, None)


@contextmanager
def _opened(version: FileVersion) -> Iterator[int]:
    """Yield a descriptor of the file, and look afterwards whether it is of that version.

    Raises:
        FileAccessError: it cannot be opened or read, or is no regular file.
        SourceChangedError: what was read is of another version.
    """
    try:
        # O_NONBLOCK: a fifo must not hold the reader before it is found to be none of ours.
        descriptor = os.open(version.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(None, "not a regular file")
            yield descriptor
            if not FileVersion.of(version.path, os.fstat(descriptor)).has_content_of(version):
                raise SourceChangedError(f"file changed while it was read: {version.path}", {"path": version.path})
        finally:
            os.close(descriptor)
    except OSError as error:
        raise file_access_error("read", version.path, error) from error


def _read_at(descriptor: int, offset: int, length: int) -> bytes:
    """Return *length* bytes from *offset*, or fewer at the end of the file."""
    data = os.pread(descriptor, length, offset)
    if len(data) == length or not data:
        return data
    pieces = [data]
    have = len(data)
    while have < length:
        data = os.pread(descriptor, length - have, offset + have)
        if not data:
            break
        pieces.append(data)
        have += len(data)
    return b"".join(pieces)
