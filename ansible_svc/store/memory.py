# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep blobs in memory, the least recently used out first, never more than a number of bytes.

Pinned blobs stay. A pin is counted: two tasks may pin one blob, and it may go when both have let go.
"""

from __future__ import annotations

import threading
from collections import OrderedDict

from ansible_svc.store._errors import DigestMismatchError, StoreFullError
from ansible_svc.store.digests import digest_bytes, require_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ansible_svc.store.statistics import MemoryStatistics


class MemoryStore:
    """Keep blobs up to ``limit_bytes`` in all.

    Threads: every method may be called from any thread; none blocks for longer than a look-up (digests
    are computed before the lock is taken).

    Guarded by: ``_lock`` guards every attribute whose name starts with an underscore.
    """

    def __init__(self, limit_bytes: int) -> None:
        """Make an empty store that never holds more than *limit_bytes* of content."""
        if limit_bytes < 0:
            raise ValueError(f"limit_bytes is negative: {limit_bytes}")
        self.limit_bytes = limit_bytes
        self._lock = threading.Lock()
        self._blobs: OrderedDict[str, bytes] = OrderedDict()  # the least recently used comes first
        self._pins: dict[str, int] = {}
        self._size_bytes = 0
        self._pinned_bytes = 0
        self._hits = 0
        self._misses = 0
        self._evictions = 0
        self._refused = 0

    def put(self, content: bytes, pin: bool = False) -> str:
        """Keep *content* if it fits and return its digest.

        Content that is too large is not kept, which is no error: the next look-up misses. With *pin* it
        is kept until ``unpin`` is called as often as it was pinned.

        Raises:
            StoreFullError: *pin* was asked for and the content does not fit beside what is pinned.
        """
        digest = digest_bytes(content)
        self._keep(digest, bytes(content), pin)
        return digest

    def add(self, digest: str, content: bytes) -> bool:
        """Keep *content* which came from elsewhere under the name *digest*; say whether it is kept.

        Raises:
            DigestMismatchError: the content is not what *digest* names.
        """
        require_digest(digest)
        actual = digest_bytes(content)
        if actual != digest:
            raise DigestMismatchError(f"content of {len(content)} bytes has digest {actual}, not {digest}")
        return self._keep(digest, bytes(content), pin=False)

    def add_verified(self, digest: str, content: bytes) -> bool:
        """Keep *content* that the caller has just digested itself; say whether it is kept."""
        return self._keep(digest, content, pin=False)

    def get(self, digest: str) -> bytes | None:
        """Return the blob, or None when it is not here."""
        with self._lock:
            content = self._blobs.get(digest)
            if content is None:
                self._misses += 1
                return None
            self._hits += 1
            self._blobs.move_to_end(digest)
            return content

    def __contains__(self, digest: object) -> bool:
        """Say whether the blob is here, without counting or touching it."""
        with self._lock:
            return digest in self._blobs

    def pin(self, digest: str) -> bool:
        """Keep the blob from being evicted; return False, and do nothing, when it is not here."""
        with self._lock:
            if digest not in self._blobs:
                return False
            self._pin(digest)
            return True

    def unpin(self, digest: str) -> None:
        """Take back one ``pin``.

        Raises:
            ValueError: the blob is not pinned.
        """
        with self._lock:
            count = self._pins.get(digest, 0)
            if count == 0:
                raise ValueError(f"not pinned: {digest}")
            if count > 1:
                self._pins[digest] = count - 1
                return
            del self._pins[digest]
            self._pinned_bytes -= len(self._blobs[digest])

    def discard(self, digest: str) -> bool:
        """Forget the blob; return False when it is pinned or not here."""
        with self._lock:
            if digest in self._pins or digest not in self._blobs:
                return False
            self._size_bytes -= len(self._blobs.pop(digest))
            return True

    def statistics(self) -> MemoryStatistics:
        """Return a snapshot of the counters."""
        from ansible_svc.store.statistics import MemoryStatistics

        with self._lock:
            return MemoryStatistics(
                blobs=len(self._blobs),
                size_bytes=self._size_bytes,
                limit_bytes=self.limit_bytes,
                pinned_blobs=len(self._pins),
                pinned_bytes=self._pinned_bytes,
                hits=self._hits,
                misses=self._misses,
                evictions=self._evictions,
                refused=self._refused,
            )

    def _keep(self, digest: str, content: bytes, pin: bool) -> bool:
        with self._lock:
            if digest in self._blobs:
                self._blobs.move_to_end(digest)
            elif not self._make_room(len(content)):
                self._refused += 1
                if pin:
                    raise StoreFullError(
                        f"{len(content)} bytes do not fit: {self._pinned_bytes} of {self.limit_bytes} are pinned"
                    )
                return False
            else:
                self._blobs[digest] = content
                self._size_bytes += len(content)
            if pin:
                self._pin(digest)
            return True

    def _make_room(self, wanted_bytes: int) -> bool:
        if self._pinned_bytes + wanted_bytes > self.limit_bytes:
            return False
        while self._size_bytes + wanted_bytes > self.limit_bytes:
            victim = next(digest for digest in self._blobs if digest not in self._pins)
            self._size_bytes -= len(self._blobs.pop(victim))
            self._evictions += 1
        return True

    def _pin(self, digest: str) -> None:
        count = self._pins.get(digest, 0)
        self._pins[digest] = count + 1
        if count == 0:
            self._pinned_bytes += len(self._blobs[digest])
