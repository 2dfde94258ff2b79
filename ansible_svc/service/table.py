# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the open requests of a Pool, and bound how many there are and what they hold."""

from __future__ import annotations

import threading

from ansible_svc.errors import MalformedError, PoolClosedError, QueueFullError
from ansible_svc.service.inbound import InboundRequest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ansible_svc.service.request import Request


class RequestTable:
    """
    Hold every open request, by caller and number.

    Threads: any. Guarded by `_lock`: everything.

    :param limit: Most open requests.
    :param max_bytes: Most bytes that open requests may hold together. One request is always taken.
    :param caller_limit: Most open requests of one caller that has no parent's authority.
    """

    def __init__(self, limit: int, max_bytes: int, caller_limit: int) -> None:
        self.limit = limit
        self.max_bytes = max_bytes
        self.caller_limit = caller_limit
        self.open = 0
        self.high_water = 0
        self._bytes = 0
        self._closed = False
        self._lock = threading.Lock()
        self._by_caller: dict[int, dict[int, InboundRequest]] = {}
        self._local: set[Request] = set()

    def add(self, request: InboundRequest) -> None:
        """
        Admit a request.

        :raises PoolClosedError: The table is closed.
        :raises QueueFullError: A limit is reached.
        :raises MalformedError: The caller has an open request of that number.
        """
        details = {"number": request.number}
        with self._lock:
            if self._closed:
                raise PoolClosedError("the Pool is closed", details)
            if self.open >= self.limit:
                raise QueueFullError("%d requests are open; this Pool takes %d" % (self.open, self.limit), details)
            if self._bytes and self._bytes + request.size_bytes > self.max_bytes:
                raise QueueFullError(
                    "open requests hold %d bytes; this Pool takes %d" % (self._bytes, self.max_bytes), details
                )
            mine = self._by_caller.setdefault(request.caller_id, {})
            if request.number in mine:
                raise MalformedError("the caller has an open request of this number", details)
            if len(mine) >= self.caller_limit and not request.from_parent:
                raise QueueFullError(
                    "the caller has %d open requests; this Pool takes %d" % (len(mine), self.caller_limit), details
                )
            mine[request.number] = request
            self._bytes += request.size_bytes
            self._grow()

    def add_local(self, request: Request) -> None:
        """
        Admit a request of this process. Only the closed table refuses it.

        :raises PoolClosedError: The table is closed.
        """
        with self._lock:
            if self._closed:
                raise PoolClosedError("the Pool is closed")
            self._local.add(request)
            self._grow()

    def _grow(self) -> None:
        self.open += 1
        self.high_water = max(self.high_water, self.open)

    def remove(self, request: Request) -> None:
        """Let go of a request that has ended."""
        with self._lock:
            if isinstance(request, InboundRequest):
                mine = self._by_caller[request.caller_id]
                del mine[request.number]
                if not mine:
                    del self._by_caller[request.caller_id]
                self._bytes -= request.size_bytes
            else:
                self._local.discard(request)
            self.open -= 1

    def find(self, caller_id: int, number: int) -> InboundRequest | None:
        """Return an open request, or None."""
        with self._lock:
            return self._by_caller.get(caller_id, {}).get(number)

    def of_caller(self, caller_id: int) -> list[InboundRequest]:
        """Return the open requests of a caller."""
        with self._lock:
            return list(self._by_caller.get(caller_id, {}).values())

    def close(self) -> list[Request]:
        """Admit nothing any more. Returns the open requests."""
        with self._lock:
            self._closed = True
            requests: list[Request] = [item for mine in self._by_caller.values() for item in mine.values()]
            requests.extend(self._local)
            return requests
