# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Remember which context may fetch which blob.

A grant is counted: two tasks for one host may grant the same blob, and it is withdrawn when both are done.
"""

from __future__ import annotations

import threading
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class GrantTable:
    """Count grants per (context id, digest).

    Threads: every method may be called from any thread.

    Guarded by: ``_lock`` guards ``_grants`` and ``_contexts``. The two callbacks run under it, so that
    "first" and "last" are true when they run; they must not block and must not call back.
    """

    def __init__(self, on_first: Callable[[str], None], on_last: Callable[[str], None]) -> None:
        """Make an empty table.

        Parameters:
            on_first: called with a digest before its first grant to anybody; what it raises refuses the grant.
            on_last: called with a digest after its last grant was revoked.
        """
        self._on_first = on_first
        self._on_last = on_last
        self._lock = threading.Lock()
        self._grants: Counter[tuple[int, str]] = Counter()
        self._contexts: Counter[str] = Counter()  # how many contexts hold each digest

    def grant(self, context_id: int, digest: str) -> None:
        """Allow *context_id* to fetch *digest* until as many calls of ``revoke``."""
        with self._lock:
            if not self._grants[context_id, digest]:
                if not self._contexts[digest]:
                    try:
                        self._on_first(digest)
                    except BaseException:
                        self._forget_zeros(context_id, digest)
                        raise
                self._contexts[digest] += 1
            self._grants[context_id, digest] += 1

    def revoke(self, context_id: int, digest: str) -> None:
        """Take back one ``grant``.

        Raises:
            ValueError: there is none.
        """
        with self._lock:
            if (context_id, digest) not in self._grants:
                raise ValueError(f"context {context_id} holds no grant for {digest}")
            self._grants[context_id, digest] -= 1
            if not self._grants[context_id, digest]:
                self._contexts[digest] -= 1
                last = not self._contexts[digest]
                self._forget_zeros(context_id, digest)
                if last:
                    self._on_last(digest)

    def allows(self, context_id: int, digest: str) -> bool:
        """Say whether *context_id* may fetch *digest* now."""
        with self._lock:
            return (context_id, digest) in self._grants

    def is_granted(self, digest: str) -> bool:
        """Say whether any context may fetch *digest* now."""
        with self._lock:
            return digest in self._contexts

    def __len__(self) -> int:
        """Return how many (context, digest) pairs are granted."""
        with self._lock:
            return len(self._grants)

    def _forget_zeros(self, context_id: int, digest: str) -> None:
        if not self._grants[context_id, digest]:
            del self._grants[context_id, digest]
        if not self._contexts[digest]:
            del self._contexts[digest]
