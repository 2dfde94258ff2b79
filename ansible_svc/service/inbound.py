# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the requests that have come in as messages, and answer them."""

from __future__ import annotations

import logging
from functools import partial

import mitogen.core

from ansible_svc.errors import (
    DeadlineExceededError,
    EncodingError,
    Error,
    MalformedError,
    MessageTooLargeError,
)
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
        now = endpoint.timers.now
        super().__init__(message.src_id, endpoint.has_authority(message.auth_id), close=close, now=now)
        if prefix.deadline_s >= 0:
            self.deadline = now() + prefix.deadline_s
        self.number = prefix.number
        self.size_bytes = len(message.data)
        #: Size of the reply; 0 as long as there is none.
        self.sent_bytes = 0
        self.awaited = bool(message.reply_to)
        self._reply_to = message.reply_to
        self._endpoint = endpoint
        self._frame: tuple[bytes, Prefix] | None = (message.data, prefix)
        self._timer: Timer | None = None

    def watch_deadline(self) -> None:
        """Have the request cancelled when its deadline passes."""
        if self.deadline is not None:
            error = DeadlineExceededError("the deadline has passed")
            timer = self._timer = self._endpoint.timers.schedule(self.deadline, partial(self.cancel, error))
            if self.done:
                # The Pool was closed by another thread meanwhile.
                self._endpoint.timers.cancel(timer)

    def read(self) -> None:
        """
        Decode the message, once; no longer when the request has ended.

        :raises MalformedError: It does not follow the format.
        """
        received, self._frame = self._frame, None
        if received is None:
            return
        data, prefix = received
        value = read_body(data, prefix)
        if not isinstance(value, dict):
            raise MalformedError("a call is an object")
        service, method, kwargs = value.get("s"), value.get("m"), value.get("k")
        if not (
            isinstance(service, (str, int))
            and not isinstance(service, bool)
            and isinstance(method, str)
            and isinstance(kwargs, dict)
        ):
            raise MalformedError("a call names a service, a method and arguments")
        self.service, self.method, self.kwargs = service, method, kwargs

    def acknowledge(self) -> None:
        """Send None as the one reply; whatever comes later is not sent."""
        reply = self.take_reply(Answer(None))
        if reply is not None:
            send_reply(self._endpoint, reply)

    def take_reply(self, outcome: Answer | Failure) -> Message | None:
        """
        Return the message that answers the request; None when nobody waits for it.

        Whoever gets it sends it: there is no second one.
        """
        self._frame = None
        timer = self._timer
        if timer is not None:
            self._endpoint.timers.cancel(timer)
        if not self.stop_awaiting():
            return None
        reply = make_reply(self._endpoint, self.caller_id, self._reply_to, self.number, outcome)
        self.sent_bytes = len(reply.data)
        return reply

    def stop_awaiting(self) -> bool:
        """
        Note that nobody waits for the outcome any longer.

        :returns: Whether somebody did. Whoever gets True may send the one reply.
        """
        with self._lock:
            awaited, self.awaited = self.awaited, False
            return awaited


def make_refusal(message: Message, endpoint: Endpoint, error: Error) -> Message | None:
    """Return the answer to a message that did not become a request; None when it wants no answer."""
    if not message.reply_to:
        return None
    number = error.details.get("number", 0)
    return make_reply(endpoint, message.src_id, message.reply_to, number, Failure(error))


def make_reply(endpoint: Endpoint, dst_id: int, handle: int, number: int, outcome: Answer | Failure) -> Message:
    """
    Return the message that tells an outcome.

    An answer that cannot be encoded, or is larger than the router takes, becomes an error. Raises nothing, whatever
    the value does while it is encoded: the caller has nobody else to hear from.

    :param dst_id: The context that has asked.
    :param handle: Its reply handle.
    :param number: The number of its call.
    """
    limit = endpoint.router.max_message_size
    try:
        body = outcome.body()
        if body.size_bytes + PREFIX_BYTES > limit:
            raise MessageTooLargeError("the result has %d bytes; the router takes %d" % (body.size_bytes, limit))
    except Exception as exc:
        error = exc
        if not isinstance(exc, Error):
            LOG.error("an answer to context %d cannot be encoded", dst_id, exc_info=exc)
            error = EncodingError("cannot be sent: encoding it raises %s" % (type(exc).__name__,))
        outcome = Failure(error)
        body = outcome.body()
    data = frame(outcome.kind, number, body)
    return mitogen.core.Message(data=data, enc=mitogen.core.Message.ENC_BIN, dst_id=dst_id, handle=handle)


def send_reply(endpoint: Endpoint, reply: Message) -> None:
    """Send a reply. That the broker has exited meanwhile is no error: so has the way to the caller."""
    try:
        endpoint.router.route(reply)
    except mitogen.core.Error as exc:
        LOG.debug("cannot answer context %d: %s", reply.dst_id, exc)
