# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the requests that have come in as messages, and bound how many there are."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

import mitogen.core

from ansible_svc.errors import DeadlineExceededError, Error, MalformedError, MessageTooLargeError, PoolClosedError, QueueFullError
from ansible_svc.service.outcome import Answer, Failure
from ansible_svc.service.request import Request
from ansible_svc.service.wire import PREFIX_BYTES, frame, read_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from mitogen.core import Message

    from ansible_svc.service.endpoint import Endpoint
    from ansible_svc.service.timers import Timer
    from ansible_svc.service.wire import Prefix

LOG = logging.getLogger("ansible_svc.service")


class InboundRequest(Request):
    """
    Be a request that came as a message and is answered with a message.

    :param message: The message; its JSON is not read before `read`.
    :param prefix: Its fixed fields.
    :param close: See `Request`.
    """

    def __init__(
        self,
        message: Message,
        prefix: Prefix,
        endpoint: Endpoint,
        close: Callable[[Any, Answer | Failure], None],
    ) -> None:
        super().__init__(message.src_id, endpoint.has_authority(message.auth_id), close=close)
        if prefix.deadline_s >= 0:
            self.deadline = time.monotonic() + prefix.deadline_s
        self.number = prefix.number
        self.size_bytes = len(message.data)
        self.awaited = bool(message.reply_to)
        self._reply_to = message.reply_to
        self._endpoint = endpoint
        self._frame: tuple[bytes, Prefix] | None = (message.data, prefix)
        self._timer: Timer | None = None

    def watch_deadline(self) -> None:
        """Have the request cancelled when its deadline passes."""
        if self.deadline is not None:
            error = DeadlineExceededError("the deadline has passed")
            self._timer = self._endpoint.timers.schedule(self.deadline, partial(self.cancel, error))

    def read(self) -> None:
        """
        Decode the message, once.

        :raises MalformedError: It does not follow the format.
        """
        assert self._frame is not None
        data, prefix = self._frame
        self._frame = None
        value = read_body(data, prefix)
        if not isinstance(value, dict):
            raise MalformedError("a call is an object")
        service, method, kwargs = value.get("s"), value.get("m"), value.get("k")
        if not (
            isinstance(service, (str, int)) and not isinstance(service, bool)
            and isinstance(method, str) and isinstance(kwargs, dict)
        ):
            raise MalformedError("a call names a service, a method and arguments")
        self.service, self.method, self.kwargs = service, method, kwargs

    def acknowledge(self) -> None:
        """Send None as the one reply; whatever comes later is not sent."""
        self.reply(Answer(None))
        self.awaited = False

    def reply(self, outcome: Answer | Failure) -> int:
        """
        Send the outcome, if somebody waits for it.

        :returns: The size of what was sent.
        """
        self._frame = None
        timer = self._timer
        if timer is not None:
            self._endpoint.timers.cancel(timer)
        if not self.awaited:
            return 0
        return _send_outcome(self._endpoint, self.caller_id, self._reply_to, self.number, outcome)


def refuse(message: Message, endpoint: Endpoint, error: Error) -> int:
    """
    Answer a message that did not become a request.

    :returns: The size of what was sent.
    """
    number = error.details.get("number", 0)
    if not message.reply_to:
        return 0
    return _send_outcome(endpoint, message.src_id, message.reply_to, number, Failure(error))


def _send_outcome(endpoint: Endpoint, dst_id: int, handle: int, number: int, outcome: Answer | Failure) -> int:
    router = endpoint.router
    limit = router.max_message_size
    try:
        body = outcome.body()
        if body.size_bytes + PREFIX_BYTES > limit:
            raise MessageTooLargeError("the result has %d bytes; the router takes %d" % (body.size_bytes, limit))
    except Error as exc:
        outcome = Failure(exc)
        body = outcome.body()
    data = frame(outcome.kind, number, body)
    message = mitogen.core.Message(
        data=data, enc=mitogen.core.Message.ENC_BIN, dst_id=dst_id, handle=handle
    )
    try:
        router.route(message)
    except mitogen.core.Error as exc:
        LOG.debug("cannot answer context %d: %s", dst_id, exc)
        return 0
    return len(data)


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
                raise QueueFullError("%d requests are open" % (self.open,), details)
            if self._bytes and self._bytes + request.size_bytes > self.max_bytes:
                raise QueueFullError("open requests hold %d bytes" % (self._bytes,), details)
            mine = self._by_caller.setdefault(request.caller_id, {})
            if request.number in mine:
                raise MalformedError("the caller has an open request of this number", details)
            if len(mine) >= self.caller_limit and not request.from_parent:
                raise QueueFullError("the caller has %d open requests" % (len(mine),), details)
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
