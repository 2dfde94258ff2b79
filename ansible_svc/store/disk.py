# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep blobs in a directory of the user's own, where they outlast the process.

The directory is a cache and nothing more: whatever is wrong with it (it belongs to somebody else, the disk
is full or read-only, a blob is broken), the answer is "not there" and the work goes on. Each kind of problem
is reported once per store.

Trust: private.py opens the directory, once per operation, and everything in it is reached relative to that
descriptor. A blob is digested each time it is read.

Many processes may use one directory at once. A blob appears under its name by an atomic rename of a finished
file, so it is either whole or absent; two writers of one blob write the same bytes; a blob that is evicted
while somebody reads it stays readable to them.
"""

from __future__ import annotations

import errno
import logging
import os
import stat
import threading
from contextlib import contextmanager, suppress

from ansible_svc.store.digests import digest_bytes, is_digest, require_digest
from ansible_svc.store.eviction import remove_oldest
from ansible_svc.store.private import open_private, write_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ansible_svc.store.statistics import DiskStatistics

LOG = logging.getLogger(__name__)

# O_NONBLOCK: a fifo under a blob's name must not hold the reader.
_OPEN_BLOB = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class DiskStore:
    """Keep blobs below *directory*, about ``limit_bytes`` in all, the least recently used out first.

    The bound is enforced by a scan of the directory after each sixteenth of it that this store has written,
    so n processes that write at once exceed it by at most n sixteenths, until one of them scans.

    Threads: every method may be called from any thread. Two threads or processes never wait for each other.

    Guarded by: ``_lock`` guards the counters, ``_reported`` and ``_unscanned_bytes``; no I/O happens under it.
    """

    def __init__(
        self,
        directory: str | os.PathLike[str],
        limit_bytes: int,
        report: Callable[[str], None] | None = None,
    ) -> None:
        """Prepare a store in *directory*, which is created on the first write.

        Parameters:
            directory: absolute path of the cache directory; its parents are created when missing.
            limit_bytes: how much content to keep.
            report: called with one line of text for the first problem of each kind; a warning is logged
                when it is None.
        """
        if limit_bytes < 0:
            raise ValueError(f"limit_bytes is negative: {limit_bytes}")
        self.directory = os.fspath(directory)
        self.limit_bytes = limit_bytes
        self._report = report or (lambda text: LOG.warning("%s", text))
        self._lock = threading.Lock()
        self._reported: set[str] = set()
        self._unscanned_bytes = limit_bytes  # the first write scans: it finds what earlier runs left
        self._counts = dict.fromkeys(
            ("hits", "misses", "writes", "written_bytes", "evictions", "broken", "problems"), 0
        )

    def get(self, digest: str) -> bytes | None:
        """Return the blob, or None when it is not here or is broken (then it is removed)."""
        require_digest(digest)
        content = None
        try:
            with self._open_directory(create=False) as directory:
                content = self._read(directory, digest)
        except FileNotFoundError:
            pass  # the ordinary miss
        except OSError as error:
            self._problem("read", f"cannot read: {error}")
        self._count(**{"misses" if content is None else "hits": 1})
        return content

    def put(self, content: bytes) -> str:
        """Keep *content* if that is possible and return its digest."""
        digest = digest_bytes(content)
        self.add_verified(digest, content)
        return digest

    def add_verified(self, digest: str, content: bytes) -> bool:
        """Keep *content* that the caller has just digested itself; say whether it is kept."""
        require_digest(digest)
        if len(content) > self.limit_bytes:
            return False
        try:
            with self._open_directory(create=True) as directory:
                if not self._touch(directory, digest, len(content)):
                    self._write(directory, digest, content)
                    self._evict_when_due(directory, digest, len(content))
                return True
        except OSError as error:
            self._problem("write", f"cannot write: {error}")
            return False

    def __contains__(self, digest: object) -> bool:
        """Say whether a blob of that name is here; only ``get`` can tell whether it is sound."""
        if not is_digest(digest):
            return False
        try:
            with self._open_directory(create=False) as directory:
                return _is_ours(os.stat(str(digest), dir_fd=directory, follow_symlinks=False))
        except FileNotFoundError:
            return False
        except OSError as error:
            self._problem("read", f"cannot read: {error}")
            return False

    def digests(self, most: int) -> list[str]:
        """Return the names of the blobs that are here, *most* at most, without looking at what they hold."""
        try:
            with self._open_directory(create=False) as directory:
                names = [name for name in os.listdir(directory) if is_digest(name)]
        except FileNotFoundError:
            return []
        except OSError as error:
            self._problem("read", f"cannot read: {error}")
            return []
        return names[:most]

    def statistics(self) -> DiskStatistics:
        """Return a snapshot of the counters."""
        from ansible_svc.store.statistics import DiskStatistics

        with self._lock:
            return DiskStatistics(**self._counts)

    @contextmanager
    def _open_directory(self, create: bool) -> Iterator[int]:
        """Yield a descriptor of the directory after checking that it is safe to use.

        Raises:
            OSError: it cannot be opened, or it is not ours alone (PermissionError).
        """
        descriptor = open_private(self.directory, create)
        try:
            yield descriptor
        finally:
            os.close(descriptor)

    def _read(self, directory: int, digest: str) -> bytes | None:
        try:
            descriptor = os.open(digest, _OPEN_BLOB, dir_fd=directory)
        except OSError as error:
            if error.errno not in (errno.ELOOP, errno.EMLINK, errno.ENXIO):
                raise
            self._remove_broken(directory, digest)  # a symlink, or a fifo or socket
            return None
        try:
            status = os.fstat(descriptor)
            if _is_ours(status) and status.st_size <= self.limit_bytes:
                content = _read_whole(descriptor, status.st_size)
                if digest_bytes(content) == digest:
                    os.utime(descriptor)
                    return content
        finally:
            os.close(descriptor)
        self._remove_broken(directory, digest)
        return None

    def _remove_broken(self, directory: int, digest: str) -> None:
        self._count(broken=1)
        self._problem("broken", f"removes what is not blob {digest}")
        with suppress(FileNotFoundError):  # another process found it too
            os.unlink(digest, dir_fd=directory)

    def _touch(self, directory: int, digest: str, size: int) -> bool:
        """Mark the blob as used now; return False when it is absent or surely broken."""
        try:
            status = os.stat(digest, dir_fd=directory, follow_symlinks=False)
            if not _is_ours(status) or status.st_size != size:
                return False
            os.utime(digest, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return False
        return True

    def _write(self, directory: int, digest: str, content: bytes) -> None:
        write_private(directory, digest, content)
        self._count(writes=1, written_bytes=len(content))

    def _evict_when_due(self, directory: int, written: str, written_bytes: int) -> None:
        with self._lock:
            self._unscanned_bytes += written_bytes
            if self._unscanned_bytes <= self.limit_bytes // 16:
                return
            self._unscanned_bytes = 0
        self._count(evictions=remove_oldest(directory, self.limit_bytes, written, is_digest))

    def _count(self, **increments: int) -> None:
        with self._lock:
            for name, increment in increments.items():
                self._counts[name] += increment

    def _problem(self, kind: str, text: str) -> None:
        with self._lock:
            self._counts["problems"] += 1
            if kind in self._reported:
                return
            self._reported.add(kind)
        self._report(f"disk store {self.directory}: {text}; goes on without")


def _is_ours(status: os.stat_result) -> bool:
    return stat.S_ISREG(status.st_mode) and status.st_uid == os.geteuid()


def _read_whole(descriptor: int, size: int) -> bytes:
    pieces = []
    while size > 0:
        piece = os.read(descriptor, size)
        if not piece:
            break
        pieces.append(piece)
        size -= len(piece)
    return b"".join(pieces)
