# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A managed host as the controller sees it once its agent answered."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from ansible_svc.names import AGENT_SERVICE
from ansible_svc.service import Call, call_async, notify
from ansible_svc.services.modules import Bundle
from ansible_svc.transport.identity import Identity


class Host:
    """One context with a running agent, and what is known of it.

    Parameters:
        identity: how it was reached.
        context: the mitogen context.
        facts: what the agent's hello returned.

    Attributes:
        alive: False once the connection is gone.

    Threads: any. Guarded by ``_lock``: what the agent holds.
    """

    def __init__(self, identity: Identity, context: Any, facts: dict[str, Any]) -> None:
        self.identity = identity
        self.context = context
        self.facts = facts
        self.alive = True
        self._lock = threading.Lock()
        self._bundles: set[str] = set()
        self._blobs: set[str] = set()

    def call_async(self, method: str, *, timeout_s: float | None = None, **arguments: Any) -> Call:
        """Call the agent; see service.call_async."""
        return call_async(self.context, AGENT_SERVICE, method, timeout_s=timeout_s, **arguments)

    def call(self, method: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        """Call the agent and wait for its answer."""
        return self.call_async(method, timeout_s=timeout_s, **arguments).result()

    def notify(self, method: str, **arguments: Any) -> None:
        """Tell the agent something that it does not answer."""
        notify(self.context, AGENT_SERVICE, method, **arguments)

    def lacks(self, bundle: Bundle) -> tuple[dict[str, Any] | None, list[str]]:
        """Return what has to travel with a run of a bundle: its manifest or None, and the digests of missing blobs.

        Two threads that ask at the same time for one new bundle both get all of it: whichever request is handled
        first on the host must be complete.
        """
        with self._lock:
            if bundle.name in self._bundles:
                return None, []
            seen: dict[str, None] = {}
            for _path, digest in bundle.files:
                if digest not in self._blobs:
                    seen[digest] = None
            return bundle.manifest(), list(seen)

    def holds(self, bundle: Bundle) -> None:
        """Note that the agent answered a run of this bundle, so it has all of it."""
        with self._lock:
            self._bundles.add(bundle.name)
            self._blobs.update(digest for _path, digest in bundle.files)

    def forgot(self, bundle: Bundle, digests: Iterable[str] | None) -> None:
        """Note that the agent said it lacks these blobs of a bundle, or its manifest (None)."""
        with self._lock:
            self._bundles.discard(bundle.name)
            if digests is None:
                digests = [digest for _path, digest in bundle.files]
            self._blobs.difference_update(digests)
