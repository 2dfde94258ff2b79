# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Decide who may call a method.

A policy looks at who asks, before the arguments have been checked. The identity it sees has been
verified by mitogen's routing (`mitogen.core.Router._async_route`: a message must arrive on the stream
that its source id is routed to), so a managed host cannot claim to be another one.
"""

from __future__ import annotations

import threading

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ansible_svc.service.request import Request

#: Serialises changes of AllowContexts sets; they are rare, so one lock serves all.
_lock = threading.Lock()


class Policy:
    """Be the root of policies. Subclasses answer `allows`; `|` joins two, either of which may allow."""

    def allows(self, request: Request) -> bool:
        """
        Tell whether the caller of this request is let in. Must be quick and must not raise.

        :param request: See `Request`: `caller_id`, `from_parent`; `kwargs` have not been checked yet.
        """
        raise NotImplementedError

    def __or__(self, other: Policy) -> Policy:
        return AnyOf((self, other))


class AllowNobody(Policy):
    """Refuse everyone, this process included. What a method gets that names no policy."""

    def allows(self, request: Request) -> bool:
        """Return False."""
        return False


class AllowParents(Policy):
    """
    Let in this process itself, its parents, and those who act with a parent's authority.

    The last are clients to whose stream mitogen has given an `auth_id`: those of a `mitogen.unix.Listener`. Forked
    workers are none of them; they reach the Pool without mitogen, through a socket pair.
    """

    def allows(self, request: Request) -> bool:
        """Return whether the request carries a parent's authority."""
        return request.from_parent


class AllowAny(Policy):
    """Let in whoever can send a message here."""

    def allows(self, request: Request) -> bool:
        """Return True."""
        return True


class AllowContexts(Policy):
    """
    Let in a set of contexts that may change while the Pool runs.

    Threads: any thread may call any method. A change holds for requests that are checked after it.
    """

    def __init__(self, *context_ids: int) -> None:
        # Replaced as a whole, never changed in place, so that readers need no lock.
        self._ids = frozenset(context_ids)

    @property
    def context_ids(self) -> frozenset[int]:
        """Return the ids that are let in at this moment."""
        return self._ids

    def grant(self, *context_ids: int) -> None:
        """Let in these contexts from now on."""
        with _lock:
            self._ids = self._ids.union(context_ids)

    def revoke(self, *context_ids: int) -> None:
        """Let these contexts in no longer. Ids that are not let in are ignored."""
        with _lock:
            self._ids = self._ids.difference(context_ids)

    def allows(self, request: Request) -> bool:
        """Return whether the caller's context id is granted."""
        return request.caller_id in self._ids


class AnyOf(Policy):
    """Let in whom at least one of several policies lets in."""

    def __init__(self, policies: Iterable[Policy]) -> None:
        self.policies = tuple(policies)

    def allows(self, request: Request) -> bool:
        """Return whether any of the policies allows the request."""
        return any(policy.allows(request) for policy in self.policies)
