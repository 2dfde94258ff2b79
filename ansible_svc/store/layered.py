# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Answer from memory first, from disk second, and remember in memory what the disk had."""

from __future__ import annotations

from ansible_svc.store._errors import DigestMismatchError
from ansible_svc.store.digests import digest_bytes, require_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_svc.store.disk import DiskStore
    from ansible_svc.store.memory import MemoryStore


class LayeredStore:
    """Put a MemoryStore over a DiskStore, or over nothing.

    Content that must touch no disk (``no_log``) is put with ``persist=False``.

    Threads: every method may be called from any thread; those that reach the disk block for its I/O.
    """

    def __init__(self, memory: MemoryStore, disk: DiskStore | None = None) -> None:
        """Make a store of the two layers; both stay usable on their own."""
        self.memory = memory
        self.disk = disk

    def get(self, digest: str) -> bytes | None:
        """Return the blob, or None when neither layer has it."""
        content = self.memory.get(digest)
        if content is None and self.disk is not None:
            content = self.disk.get(digest)
            if content is not None:
                self.memory.add_verified(digest, content)
        return content

    def put(self, content: bytes, persist: bool = True) -> str:
        """Keep *content* where it fits, on disk only with *persist*, and return its digest."""
        digest = digest_bytes(content)
        self._keep(digest, content, persist)
        return digest

    def add(self, digest: str, content: bytes, persist: bool = True) -> bool:
        """Keep *content* which came from elsewhere under the name *digest*; say whether a layer kept it.

        Raises:
            DigestMismatchError: the content is not what *digest* names.
        """
        require_digest(digest)
        actual = digest_bytes(content)
        if actual != digest:
            raise DigestMismatchError(f"content of {len(content)} bytes has digest {actual}, not {digest}")
        return self._keep(digest, content, persist)

    def add_verified(self, digest: str, content: bytes, persist: bool = True) -> bool:
        """Keep *content* that the caller has just digested itself; say whether a layer kept it."""
        return self._keep(digest, content, persist)

    def __contains__(self, digest: object) -> bool:
        """Say whether a layer has the blob; a broken blob on disk counts until it is read."""
        return digest in self.memory or (self.disk is not None and digest in self.disk)

    def missing(self, digests: Iterable[str]) -> list[str]:
        """Return those of *digests* that neither layer has, in order, each once."""
        return [digest for digest in dict.fromkeys(digests) if digest not in self]

    def _keep(self, digest: str, content: bytes, persist: bool) -> bool:
        kept = self.memory.add_verified(digest, content)
        if persist and self.disk is not None:
            kept = self.disk.add_verified(digest, content) or kept
        return kept
