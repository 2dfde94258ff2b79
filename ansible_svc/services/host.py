# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A managed host as the controller sees it once its agent answered."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from typing import Any

from ansible_svc.names import AGENT_SERVICE, KEPT_LENGTH
from ansible_svc.service import Call, call_async, notify
from ansible_svc.services.modules import Bundle
from ansible_svc.transport.identity import Identity


class Host:
    """One context with a running agent, and what is known of it.

    Parameters:
        identity: how it was reached.
        context: the mitogen context.
        facts: what the agent's hello returned.
        login: the host from whose agent this one was started; what that has need not be sent.

    Attributes:
        alive: False once the connection is gone.

    Threads: any. Guarded by ``_lock``: what the agent holds.
    """

    def __init__(self, identity: Identity, context: Any, facts: dict[str, Any], login: Host | None = None) -> None:
        self.identity = identity
        self.context = context
        self.facts = facts
        self.alive = True
        self.login = login
        self._not_there: set[str] = set()
        self._lock = threading.Lock()
        self._bundles: set[str] = set()
        self._blobs: set[str] = set()
        # What its cache directory had when it was booted. Only beginnings of digests are told: when another blob
        # begins alike, or is gone by now, the agent says what it lacks.
        self._kept: set[str] = set(facts.get("kept", ()))

    def call_async(self, method: str, *, timeout_s: float | None = None, **arguments: Any) -> Call:
        """Call the agent; see service.call_async."""
        return call_async(self.context, AGENT_SERVICE, method, timeout_s=timeout_s, **arguments)

    def call(self, method: str, *, timeout_s: float | None = None, **arguments: Any) -> Any:
        """Call the agent and wait for its answer."""
        return self.call_async(method, timeout_s=timeout_s, **arguments).result()

    def call_service(self, service: str, method: str) -> Any:
        """Call another service than the agent's there, without arguments, and wait for its answer."""
        return call_async(self.context, service, method).result()

    def notify(self, method: str, **arguments: Any) -> None:
        """Tell the agent something that it does not answer."""
        notify(self.context, AGENT_SERVICE, method, **arguments)

    def lacks(self, bundle: Bundle) -> list[str]:
        """Return the digests of the blobs that have to travel with a run of a bundle.

        Two threads that ask at the same time for one new bundle both get all of it: whichever request is handled
        first on the host must be complete.
        """
        with self._lock:
            if bundle.name in self._bundles:
                return []
            lacking = [digest for digest in bundle.digests() if not self._has(digest)]
            not_there = set(self._not_there)
        if self.login is None:
            return lacking
        return [digest for digest in lacking if digest in not_there or not self.login.has(digest)]

    def has(self, digest: str) -> bool:
        """Tell whether the agent has a blob, as far as is known."""
        with self._lock:
            return self._has(digest)

    def holds(self, bundle: Bundle) -> None:
        """Note that the agent answered a run of this bundle, so it has all of it."""
        with self._lock:
            if bundle.name not in self._bundles:
                self._bundles.add(bundle.name)
                self._blobs.update(bundle.digests())

    def forgot(self, bundle: Bundle, digests: Iterable[str]) -> None:
        """Note that the agent said it lacks these blobs of a bundle; its manifest among them: all of them."""
        with self._lock:
            self._bundles.discard(bundle.name)
            missing = set(digests)
            if bundle.name in missing:
                missing.update(bundle.digests())
            self._not_there |= missing
            self._blobs -= missing
            self._kept -= {digest[:KEPT_LENGTH] for digest in missing}

    def _has(self, digest: str) -> bool:
        return digest in self._blobs or digest[:KEPT_LENGTH] in self._kept
