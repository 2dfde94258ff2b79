# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Keep the calls that this process has made to one other context.

A channel has one reply handle, registered for as long as the channel is open; which call a reply belongs to is
told by the number in its frame. A reply counts only when it comes from the context that was asked. When a
message cannot be delivered, mitogen sends a *dead* message, which carries no number, to the reply
handle: it closes the channel and fails all its calls. That is why there is one handle per context
and not one for all: what happens to one host says nothing about the others.

Opening a channel to a context below this one also starts that context's Pool (see `takeover`).
"""

from __future__ import annotations

import logging

import mitogen.core

from ansible_svc.errors import (
    BootstrapError,
    DisconnectedError,
    Error,
    MalformedError,
    MessageTooLargeError,
    PoolClosedError,
    RefusedError,
)
from ansible_svc.service import takeover
from ansible_svc.service.wire import CALL, CANCEL, ERROR, NULL, PREFIX_BYTES, RESULT, frame, read_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service.calls import Call
    from ansible_svc.service.endpoint import Endpoint
    from ansible_svc.service.wire import Body

LOG = logging.getLogger("ansible_svc.service")

#: What the answer to the start of a Pool may hold: a None, or mitogen's CallError with its traceback.
_MAX_BOOTSTRAP_REPLY_BYTES = 1024 * 1024
_PICKLED_NONE = mitogen.core.Message.pickled(None).data


class Channel:
    """
    Send calls to one context and hand out the replies.

    Threads: `send`, `cancel` and `close` may be called by any thread; `_on_message` by the broker thread.
    Guarded by nothing: `pending` is a dict whose single operations are atomic, and whoever pops a call from it
    is the one that completes it. `error` is set before the last calls are popped, and looked at after a call was
    put in, so no call is left behind.
    """

    def __init__(self, endpoint: Endpoint, context: Any) -> None:
        self._endpoint = endpoint
        self._router = endpoint.router
        self._context = context
        self.timers = endpoint.timers
        self.context_id: int = context.context_id
        #: Calls that wait for a reply, by number.
        self.pending: dict[int, Call] = {}
        #: Why the channel is closed; None while it is open.
        self.error: Error | None = None
        self._handle: int = self._router.add_handler(self._on_message)

    def open(self) -> None:
        """Start the far side's Pool when it is ours to start. Does not wait for anything."""
        if not self._endpoint.starts_pool_of(self.context_id):
            return
        try:
            self._start_pool()
        except mitogen.core.Error as exc:
            self.close(DisconnectedError("cannot send: %s" % (exc,)))

    def _start_pool(self) -> None:
        # Only processes that have children come here, so mitogen.parent is loaded already.
        import mitogen.parent

        options = self._endpoint.child_options
        responder = getattr(self._router, "responder", None)
        forward_modules = getattr(responder, "forward_modules", None)
        if forward_modules is not None:
            # Push the code ahead of the call that imports it. Without this the child asks for it.
            forward_modules(self._context, takeover.MODULES + options.modules)
        message = mitogen.parent.CallChain(self._context).make_msg(
            takeover.start, packages=list(options.packages), pool_size=options.pool_size
        )
        message.reply_to = self._handle
        self._context.send(message)

    def send(self, call: Call, body: Body, deadline_s: float) -> None:
        """
        Send a call.

        :param call: Completed once, with a frame or with an error, unless it is cancelled before.
        :param body: Its arguments.
        :param deadline_s: Seconds until nobody waits any longer; negative: no deadline.
        :raises Error: It has not been sent; the call will not be completed.
        """
        self._refuse_oversize(body)
        self.pending[call.number] = call
        if self.error is not None:
            if self.pending.pop(call.number, None) is not None:
                raise self.error
            return
        try:
            self._route(frame(CALL, call.number, body, deadline_s), self._handle)
        except Error:
            if self.pending.pop(call.number, None) is not None:
                raise

    def send_unanswered(self, number: int, body: Body) -> None:
        """
        Send a call that nobody waits for.

        :raises Error: It has not been sent.
        """
        self._refuse_oversize(body)
        if self.error is not None:
            raise self.error
        self._route(frame(CALL, number, body), 0)

    def cancel(self, call: Call) -> bool:
        """
        Stop waiting for a call and tell the far side.

        :returns: False when the call has been completed already.
        """
        if self.pending.pop(call.number, None) is None:
            return False
        if self.error is None:
            try:
                self._route(frame(CANCEL, call.number, NULL), 0)
            except Error as exc:
                # The far side is gone, and the call with it.
                LOG.debug("cannot cancel a call to context %d: %s", self.context_id, exc)
        return True

    def close(self, error: Error) -> None:
        """Fail all calls and give the handle back. Ignored when closed already."""
        if self.error is not None:
            return
        self.error = error
        self._endpoint.forget(self)
        try:
            self._router.del_handler(self._handle)
        except KeyError:
            LOG.debug("the router has dropped handle %d on its own", self._handle)
        while self.pending:
            try:
                _, call = self.pending.popitem()
            except KeyError:
                return
            call.complete(None, error)

    def _refuse_oversize(self, body: Body) -> None:
        limit = self._router.max_message_size
        if body.size_bytes + PREFIX_BYTES > limit:
            raise MessageTooLargeError("%d bytes; the router takes %d" % (body.size_bytes, limit))

    def _route(self, data: bytes, reply_to: int) -> None:
        message = mitogen.core.Message(
            data=data,
            enc=mitogen.core.Message.ENC_BIN,
            dst_id=self.context_id,
            handle=mitogen.core.CALL_SERVICE,
            reply_to=reply_to,
        )
        try:
            self._router.route(message)
        except mitogen.core.Error as exc:
            raise DisconnectedError("cannot send: %s" % (exc,)) from None

    # -- on the broker thread

    def _on_message(self, message: Any) -> None:
        if message.is_dead:
            self._on_dead(message)
            return
        if message.src_id != self.context_id:
            LOG.warning("dropped a reply of context %d to a call of context %d", message.src_id, self.context_id)
            return
        if message.enc != mitogen.core.Message.ENC_BIN:
            self._on_pool_started(message)
            return
        data = message.data
        try:
            prefix = read_prefix(data)
        except MalformedError as exc:
            LOG.warning("context %d sent a reply that cannot be read: %s", self.context_id, exc)
            return
        call = self.pending.pop(prefix.number, None)
        if call is None:
            # The reply has crossed the cancellation.
            LOG.debug("context %d answered a call that is no longer waited for", self.context_id)
        elif len(data) > self._endpoint.max_reply_bytes:
            call.complete(None, MessageTooLargeError("the reply has %d bytes" % (len(data),)))
        elif prefix.kind not in (RESULT, ERROR):
            call.complete(None, MalformedError("the reply is neither result nor error"))
        else:
            call.complete((data, prefix), None)

    def _on_dead(self, message: Any) -> None:
        source = message.src_id
        endpoint = self._endpoint
        if not (
            source in (self.context_id, endpoint.own_id)
            or source in endpoint.parent_ids
            or endpoint.same_path(source, self.context_id)
        ):
            LOG.warning("dropped a dead message of context %d about context %d", source, self.context_id)
            return
        reason = message.data.decode("utf-8", "replace")
        # On the broker thread of this process: mitogen.core.Router._maybe_send_dead says why in words only.
        if reason == mitogen.core.Router.invalid_handle_msg:
            self.close(PoolClosedError("no Pool is running in context %d" % (self.context_id,)))
        elif reason == mitogen.core.Router.refused_msg:
            self.close(RefusedError("context %d does not take calls from here" % (self.context_id,)))
        else:
            self.close(DisconnectedError("context %d cannot be reached: %s" % (self.context_id, reason)))

    def _on_pool_started(self, message: Any) -> None:
        if message.data == _PICKLED_NONE:
            return
        reason = "the answer cannot be read"
        if len(message.data) <= _MAX_BOOTSTRAP_REPLY_BYTES:
            try:
                # mitogen unpickles CallError and plain values only.
                reason = str(message.unpickle(throw=False))
            except Exception as exc:
                reason = "the answer cannot be read: %s" % (type(exc).__name__,)
        self.close(BootstrapError("context %d cannot start its Pool" % (self.context_id,), remote_traceback=reason))
