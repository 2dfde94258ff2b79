# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Call methods of services in other contexts."""

from __future__ import annotations

import logging
import threading

from ansible_svc.errors import CancelledError, DeadlineExceededError, Error
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.faults import restore
from ansible_svc.service.wire import ERROR, NO_DEADLINE, Body, encode, read_body

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, Union

    from ansible_svc.service.channel import Channel
    from ansible_svc.service.service import Service
    from ansible_svc.service.timers import Timer
    from ansible_svc.service.wire import Prefix

    ServiceLike = Union[str, int, type[Service]]

LOG = logging.getLogger("ansible_svc.service")


class Call:
    """
    Stand for one call that has been sent.

    It is done when a reply has come, when it was cancelled, when its deadline has passed, or when the context
    has disconnected, whichever is first.

    Threads: any thread may call any public method. `complete` is called once, by the thread that has popped the
    call from its channel's `pending`. Guarded by `_guard`: `_callbacks` and the moment in which `_done`
    becomes true. `_wake` is held until the call is done: waiting is acquiring it.
    """

    __slots__ = (
        "_callbacks",
        "_channel",
        "_deadline",
        "_done",
        "_error",
        "_guard",
        "_reply",
        "_timer",
        "_wake",
        "number",
    )

    def __init__(self, channel: Channel, number: int, deadline: float | None) -> None:
        self.number = number
        self._channel = channel
        self._deadline = deadline
        self._timer: Timer | None = None
        self._done = False
        self._reply: tuple[bytes, Prefix] | None = None
        self._error: BaseException | None = None
        self._callbacks: list[Callable[[Call], None]] = []
        self._guard = threading.Lock()
        self._wake = threading.Lock()
        self._wake.acquire()

    def done(self) -> bool:
        """Return whether `result` would return or raise at once."""
        return self._done

    def result(self, timeout_s: float | None = None) -> Any:
        """
        Wait for the result. Never to be called on the broker thread, which would have to deliver it.

        :param timeout_s: Wait this long at most; the call goes on when that passes. None: as long as it takes.
        :returns: What the method returned.
        :raises DeadlineExceededError: The call's deadline has passed (the call is over), or
            `timeout_s` has (the call is not over; `done` is False).
        :raises CancelledError: The call was cancelled.
        :raises DisconnectedError: The context can no longer be reached.
        :raises Error: What the far side has to say; see `ansible_svc.errors`.
        """
        if not self._done:
            self._wait(timeout_s)
        if self._error is not None:
            raise self._error
        assert self._reply is not None
        data, prefix = self._reply
        if prefix.kind == ERROR:
            self._error = restore(read_body(data, prefix))
            raise self._error
        return read_body(data, prefix)

    def _wait(self, timeout_s: float | None) -> None:
        wait_s = timeout_s
        if self._deadline is not None:
            left_s = max(0.0, self._deadline - self._channel.timers.now())
            wait_s = left_s if timeout_s is None else min(timeout_s, left_s)
        if self._wake.acquire(timeout=-1 if wait_s is None else max(0.0, min(wait_s, threading.TIMEOUT_MAX))):
            self._wake.release()
            return
        if self._deadline is not None and self._channel.timers.now() >= self._deadline:
            self._expire()
            # Another thread may be completing it at this very moment.
            with self._wake:
                return
        raise DeadlineExceededError("no result after %s s; the call goes on" % (timeout_s,))

    def cancel(self) -> bool:
        """
        Give the call up and tell the far side.

        :returns: False when the call is done already.
        """
        return self._abort(CancelledError("the call was cancelled"))

    def add_done_callback(self, callback: Callable[[Call], None]) -> None:
        """
        Have a function called with this call when it is done; at once when it is done already.

        It is called by the thread that notices: the broker thread for a reply or a disconnect, the timer
        thread for the deadline, or the thread that cancels. It must not block there.
        """
        with self._guard:
            if not self._done:
                self._callbacks.append(callback)
                return
        self._run_callback(callback)

    def complete(self, reply: tuple[bytes, Prefix] | None, error: BaseException | None) -> None:
        """Note the reply or the error. Called by the channel."""
        self._reply = reply
        self._error = error
        timer = self._timer
        if timer is not None:
            self._channel.timers.cancel(timer)
        with self._guard:
            self._done = True
            callbacks, self._callbacks = self._callbacks, []
        self._wake.release()
        for callback in callbacks:
            self._run_callback(callback)

    def watch_deadline(self) -> None:
        """Have the deadline noticed even when no thread waits in `result`."""
        if self._deadline is not None:
            timer = self._channel.timers.schedule(self._deadline, self._expire)
            self._timer = timer
            if self._done:
                self._channel.timers.cancel(timer)

    def _expire(self) -> None:
        self._abort(DeadlineExceededError("the deadline has passed"))

    def _abort(self, error: Error) -> bool:
        if not self._channel.cancel(self):
            return False
        self.complete(None, error)
        return True

    def _run_callback(self, callback: Callable[[Call], None]) -> None:
        try:
            callback(self)
        except Exception:
            LOG.exception("a done callback failed")


def _service_key(service: ServiceLike) -> str | int:
    if isinstance(service, (str, int)):
        return service
    return service.name()


def _call_body(service: ServiceLike, method: Any, kwargs: dict[str, Any]) -> Body:
    if isinstance(service, int) and isinstance(method, dict) and not kwargs:
        # The older form: call(context, handle, {...}).
        return encode({"s": service, "m": "", "k": method})
    return encode({"s": _service_key(service), "m": method, "k": kwargs})


def _send(context: Any, service: ServiceLike, method: Any, timeout_s: float | None, kwargs: dict[str, Any]) -> Call:
    endpoint = endpoint_of(context.router)
    body = _call_body(service, method, kwargs)
    channel = endpoint.channel(context)
    deadline = None if timeout_s is None else endpoint.timers.now() + timeout_s
    call = Call(channel, next(endpoint.numbers), deadline)
    channel.send(call, body, NO_DEADLINE if timeout_s is None else max(0.0, timeout_s))
    return call


def call(context: Any, service: ServiceLike, method: Any, /, timeout_s: float | None = None, **kwargs: Any) -> Any:
    """
    Call a method of a service in another context and wait for the result.

    The first call to a context below this one starts a Pool there. An exception, such as KeyboardInterrupt, that
    ends the waiting cancels the call.

    The first three parameters are positional only, so methods may have arguments of those names; the name of the
    fourth is taken.

    :param context: A `mitogen.core.Context`: whom to ask.
    :param service: The Service class, its canonical name, or the handle of a service of the older form.
    :param method: Name of an exposed method; for a handle: the dict of arguments.
    :param timeout_s: Seconds after which nobody waits any longer, here and there. None: no limit.
    :param kwargs: Arguments of JSON types and bytes.
    :returns: What the method returned, of JSON types and bytes.
    :raises Error: See `Call.result`; in addition EncodingError and MessageTooLargeError for arguments that
        cannot be sent, and BootstrapError when the far side cannot start its Pool.
    """
    outstanding = _send(context, service, method, timeout_s, kwargs)
    try:
        return outstanding.result()
    finally:
        if not outstanding.done():
            outstanding.cancel()


def call_async(
    context: Any, service: ServiceLike, method: Any, /, timeout_s: float | None = None, **kwargs: Any
) -> Call:
    """
    Call a method of a service in another context without waiting. For the parameters see `call`.

    :raises Error: The call could not be sent.
    """
    outstanding = _send(context, service, method, timeout_s, kwargs)
    outstanding.watch_deadline()
    return outstanding


def notify(context: Any, service: ServiceLike, method: Any, /, **kwargs: Any) -> None:
    """
    Have a method called and do not ask what came of it. For the parameters see `call`.

    Errors, refusals among them, are logged and counted on the far side only.

    :raises Error: The call could not be sent.
    """
    endpoint = endpoint_of(context.router)
    body = _call_body(service, method, kwargs)
    endpoint.channel(context).send_unanswered(next(endpoint.numbers), body)


def born_with_pool(context: Any) -> None:
    """Note that a context below this one has come up with a Pool, so that the first call need not start one."""
    endpoint_of(context.router).note_pool(context.context_id)


def configure_children(
    router: Any,
    packages: tuple[str, ...] | None = None,
    pool_size: int | None = None,
    modules: tuple[str, ...] | None = None,
) -> None:
    """
    Set how Pools of contexts below this one are started from now on. Those that run stay as they are.

    :param packages: Packages whose services may be activated there; the default is ``("ansible_svc",)``.
    :param pool_size: Number of threads; the default is 4.
    :param modules: Modules whose code is pushed together with that of the Pool, so that activating a service
        costs no round trips; what they import at their top goes with them as far as it is loaded here. Only the
        controller can push.
    """
    options = endpoint_of(router).child_options
    if packages is not None:
        options.packages = tuple(packages)
    if pool_size is not None:
        options.pool_size = pool_size
    if modules is not None:
        options.modules = tuple(modules)
