# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Serve content to managed hosts by its digest: local files, and blobs that exist in memory only.

A host pulls. It asks for one chunk after the other and keeps a few requests outstanding, so a slow host slows down
nobody, the controller holds only the chunks that are on their way, and a host that dies simply asks no more: there is
nothing to clean up. What a host may ask for is what a task of its own was granted, for as long as that task runs::

    offer = files.offer("/srv/app.tar.gz")
    with files.granted(context_id, offer.digest):
        call(context, AGENT, "write_file", path="/opt/app.tar.gz", digest=offer.digest, size=offer.size)

However many hosts and tasks use one file, it is read once to be digested. Small ones are served from memory from then
on; of larger ones each block is read once for all hosts that are about equally far.
"""

from __future__ import annotations

from contextlib import ExitStack, contextmanager
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from ansible_svc.service import AllowAny, Service, arg_spec, expose
from ansible_svc.services.files_grants import GrantTable
from ansible_svc.services.files_sources import BLOCK_BYTES, FileOffer, Sources
from ansible_svc.store import BlobNotFoundError, MemoryStore, NotGrantedError, StoreFullError
from ansible_svc.store.digests import require_digest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ansible_svc.service import Request
    from ansible_svc.store import MemoryStatistics

__all__ = ["FileOffer", "FileService", "FileStatistics"]

#: Files up to this size keep their content in memory after they were digested.
SMALL_BYTES = 8 * 1024 * 1024
#: Largest chunk that one request may ask for.
MAX_CHUNK_BYTES = 1024 * 1024


class FileStatistics(NamedTuple):
    """Count what a FileService did since it was made.

    files_read: whole reads of a local file, to digest it and to keep it if it is small.
    blocks_read: further reads of BLOCK_BYTES, to send a file that is not kept.
    bytes_read: bytes of both.
    files_served: answers that included the last byte of a content.
    bytes_served: bytes of all answers.
    refused: requests without a grant.
    grants: (context, digest) pairs granted now.
    memory: see MemoryStatistics.
    """

    files_read: int
    blocks_read: int
    bytes_read: int
    files_served: int
    bytes_served: int
    refused: int
    grants: int
    memory: MemoryStatistics


class FileService(Service):
    """Offer local files and blobs; let contexts fetch what they were granted.

    Threads: ``fetch`` runs on pool threads, everything else on the threads of tasks. ``offer`` and ``fetch`` block
    for disk I/O, and ``offer`` for another thread that reads the same file.

    Guarded by: ``_lock`` guards the three counters; the parts have locks of their own.
    """

    def __init__(
        self, router: Any, memory_bytes: int = 64 * 1024 * 1024, block_cache_bytes: int = 4 * 1024 * 1024
    ) -> None:
        """Make a service that offers nothing yet.

        Parameters:
            memory_bytes: how much content of blobs and small files to keep.
            block_cache_bytes: how much of the larger files to keep while they are sent.
        """
        super().__init__(router)
        self._memory = MemoryStore(memory_bytes)
        self._grants = GrantTable(on_first=self._hold, on_last=self._let_go)
        small_bytes = min(SMALL_BYTES, memory_bytes // 4)
        self._sources = Sources(self._memory, small_bytes, block_cache_bytes, self._grants.is_granted)
        self._held: set[str] = set()  # touched by _hold and _let_go only, which GrantTable serialises
        self._lock = Lock()
        self._files_served = 0
        self._bytes_served = 0
        self._refused = 0

    def offer(self, path: str, known: FileOffer | None = None) -> FileOffer:
        """Return the digest, size and mode of a local file, and be ready to serve it.

        The file is read only when this version of it (real path, inode, size, times) was not read before, and then
        once, however many threads ask. One that is so new that it might change without showing it is read each time.

        Parameters:
            path: the file.
            known: an earlier answer that will do as long as nothing shows a change.

        Raises:
            FileAccessError: the file cannot be read or is no regular file.
            SourceChangedError: the file changed while it was read.
        """
        return self._sources.offer(path, known)

    def put(self, content: bytes, keep: bool = False) -> str:
        """Keep a blob in memory and return its digest.

        Parameters:
            content: the blob.
            keep: keep it until ``discard``; otherwise it is kept for certain only while it is granted.

        Raises:
            StoreFullError: it does not fit beside what is granted or kept for good.
        """
        digest = self._memory.put(content, pin=keep)
        if digest not in self._memory:
            raise StoreFullError(f"a blob of {len(content)} bytes does not fit beside what must be kept")
        return digest

    def discard(self, digest: str) -> None:
        """Take back one ``put(content, keep=True)``.

        Raises:
            ValueError: there was none.
        """
        self._memory.unpin(digest)

    def content(self, digest: str) -> bytes | None:
        """Return a blob or the content of a small file if it is in memory, to be sent along with a request."""
        return self._memory.get(digest)

    def grant(self, context_id: int, digest: str) -> None:
        """Let a context fetch what was offered or put, until ``revoke`` is called as often.

        Raises:
            BlobNotFoundError: the content was neither offered nor put, or the blob is no longer kept.
        """
        self._grants.grant(context_id, require_digest(digest))

    def revoke(self, context_id: int, digest: str) -> None:
        """Take back one ``grant``; a chunk that is being sent still arrives.

        Raises:
            ValueError: there is none.
        """
        self._grants.revoke(context_id, digest)

    @contextmanager
    def granted(self, context_id: int, *digests: str) -> Iterator[None]:
        """Grant all *digests* for the duration of a ``with`` block.

        Raises:
            BlobNotFoundError: see ``grant``; then nothing is granted.
        """
        with ExitStack() as revocations:
            for digest in digests:
                self.grant(context_id, digest)
                revocations.callback(self.revoke, context_id, digest)
            yield

    @expose(policy=AllowAny(), wants_request=True)
    @arg_spec({"digest": str, "offset": int, "length": int})
    def fetch(self, digest: str, offset: int, length: int, request: Request) -> bytes:
        """Return a chunk of granted content, shorter than *length* only at its end.

        Parameters:
            digest: what to fetch.
            offset: where the chunk begins, in bytes.
            length: how long it is at most, from 1 to MAX_CHUNK_BYTES.

        Raises:
            NotGrantedError: no task of the calling context was given this content, whether or not it exists.
            ValueError: offset or length is out of bounds.
            BlobNotFoundError, FileAccessError, SourceChangedError: the content is no longer to be had.
        """
        if not self._grants.allows(request.caller_id, digest):
            with self._lock:
                self._refused += 1
            raise NotGrantedError(f"context {request.caller_id} was not given {digest:.64}")
        if offset < 0 or not 0 < length <= MAX_CHUNK_BYTES:
            raise ValueError(f"no chunk has offset {offset} and length {length}")
        content = self._memory.get(digest)
        if content is not None:
            chunk = content[offset : offset + length]
            last = 0 < len(content) - offset <= length
        else:
            chunk, last = self._read_chunk(digest, offset, length)
        with self._lock:
            self._bytes_served += len(chunk)
            self._files_served += last
        return chunk

    def statistics(self) -> FileStatistics:
        """Return a snapshot of the counters."""
        read = self._sources.snapshot()
        with self._lock:
            return FileStatistics(
                files_read=read.opens,
                blocks_read=read.blocks,
                bytes_read=read.bytes_read,
                files_served=self._files_served,
                bytes_served=self._bytes_served,
                refused=self._refused,
                grants=len(self._grants),
                memory=self._memory.statistics(),
            )

    def _read_chunk(self, digest: str, offset: int, length: int) -> tuple[bytes, bool]:
        """Return the chunk and whether the content ends with it."""
        size = self._sources.size(digest)
        index, skip = divmod(offset, BLOCK_BYTES)
        end = min(offset + length, size)
        pieces = []
        while index * BLOCK_BYTES < end:
            block = self._sources.read_block(digest, index)
            pieces.append(block[skip : end - index * BLOCK_BYTES])
            skip = 0
            index += 1
        return (pieces[0] if len(pieces) == 1 else b"".join(pieces)), offset < size == end

    def _hold(self, digest: str) -> None:
        """Keep a blob in memory while it is granted; a file can be read again and needs no keeping."""
        if self._sources.has(digest):
            return
        if not self._memory.pin(digest):
            raise BlobNotFoundError(f"neither offered nor kept: {digest}")
        self._held.add(digest)

    def _let_go(self, digest: str) -> None:
        if digest in self._held:
            self._held.remove(digest)
            self._memory.unpin(digest)
