# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Run requests of one service: permission, arguments, invocation, one reply.

The three invokers differ in one method, `_start`: what happens to a request that has passed the checks.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

from ansible_svc.errors import CancelledError, MessageTooLargeError, RefusedError, UnknownMethodError
from ansible_svc.service.counters import UNKNOWN
from ansible_svc.service.marks import ArgumentSpec, as_policy, mark_of, spec_of_signature
from ansible_svc.service.outcome import Answer, Deferred, Failure
from ansible_svc.service.policy import AllowAny, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ansible_svc.service.request import Request
    from ansible_svc.service.service import Service

LOG = logging.getLogger("ansible_svc.service")

#: Method name under which calls of the older form appear in statistics and logs.
DISPATCH = "dispatch"


class Method:
    """Hold one callable method of one service, ready to be checked and run."""

    __slots__ = ("func", "name", "no_reply", "policy", "spec", "wants_request")

    def __init__(
        self,
        name: str,
        func: Callable[..., Any],
        policy: Policy,
        spec: ArgumentSpec,
        wants_request: bool = False,
        no_reply: bool = False,
    ) -> None:
        self.name = name
        self.func = func
        self.policy = policy
        self.spec = spec
        self.wants_request = wants_request
        self.no_reply = no_reply


def methods_of(service: Service) -> dict[str, Method]:
    """
    Return what can be called on a service.

    An override in a subclass that is not marked again is not callable.
    """
    methods = {}
    for name in dir(type(service)):
        mark = mark_of(getattr(type(service), name, None))
        if mark is None or not mark.exposed:
            continue
        func = getattr(service, name)
        policy = mark.policy
        if isinstance(policy, str):
            policy = getattr(service, policy)
        spec = mark.spec or spec_of_signature(func, mark.wants_request)
        methods[name] = Method(name, func, policy, spec, mark.wants_request, mark.no_reply)
    return methods


def dispatch_of(service: Service) -> Method:
    """Return the one method of a service of the older form."""
    policy = AllowAny() if service.policy is None else as_policy(service.policy)
    if isinstance(policy, str):
        policy = getattr(service, policy)
    spec = ArgumentSpec(service.required_args)

    def dispatch(request: Request, **kwargs: Any) -> Any:
        return service.dispatch(kwargs, request)

    return Method(DISPATCH, dispatch, policy, spec, wants_request=True)


class Invoker:
    """
    Run all requests as they come, as many at a time as the Pool has threads.

    Threads: `accept` runs on pool threads, or on the thread that calls `Pool.invoke`.

    :param service: The service. Its methods are looked up once, now.
    :param submit: Runs a function with arguments on a pool thread, later. Never blocks.
    :param record_run: Told of each run: method name and seconds.
    """

    def __init__(
        self,
        service: Service,
        submit: Callable[..., None],
        record_run: Callable[[str, float], None],
    ) -> None:
        self.service = service
        self.methods = methods_of(service)
        self._dispatch = dispatch_of(service) if service.handle is not None else None
        self._submit = submit
        self._record_run = record_run

    def accept(self, request: Request) -> None:
        """
        Check a request and see to it that it is run and answered.

        :raises Error: The request is refused: too large, unknown method, no permission, wrong arguments.
            The caller of `accept` answers it.
        """
        limit = self.service.max_message_bytes
        if limit is not None and request.size_bytes > limit:
            raise MessageTooLargeError("%d bytes; this service takes %d" % (request.size_bytes, limit))
        method = self._find(request)
        if not request.local and not method.policy.allows(request):
            LOG.warning(
                "refused context %d: it may not call %s.%s", request.caller_id, self.service.name(), method.name
            )
            raise RefusedError("context %d may not call this method" % (request.caller_id,))
        method.spec.check(request.kwargs)
        if method.no_reply:
            request.acknowledge()
        self._start(method, request)

    def close(self) -> None:
        """Let go of what waits. The Pool has cancelled all requests before."""

    def counted_name(self, request: Request) -> str:
        """Return the method name under which a request is counted."""
        if isinstance(request.service, int):
            return DISPATCH
        return request.method if request.method in self.methods else UNKNOWN

    def _find(self, request: Request) -> Method:
        if isinstance(request.service, int):
            if self._dispatch is None or request.method:
                raise UnknownMethodError("a handle is called with an argument dict alone")
            return self._dispatch
        method = self.methods.get(request.method or "")
        if method is None:
            raise UnknownMethodError("the service has no exposed method of this name")
        return method

    def _start(self, method: Method, request: Request) -> None:
        self._run(method, request)

    def _run(self, method: Method, request: Request, ended: Callable[[], None] | None = None) -> None:
        """
        Run the method and finish the request with what it returns or raises.

        :param ended: Called when the method has come to its end, be it by a Deferred, and whether or not
            the request was still open.
        """
        if request.done:
            # Cancelled while it waited for its turn.
            if ended is not None:
                ended()
            return
        started = time.monotonic()

        def settle(outcome: Answer | Failure) -> None:
            self._record_run(method.name, time.monotonic() - started)
            try:
                request.finish(outcome)
            finally:
                if ended is not None:
                    ended()

        try:
            if method.wants_request:
                result = method.func(request=request, **request.kwargs)
            else:
                result = method.func(**request.kwargs)
            if isinstance(result, Deferred):
                result.on_settled(settle)
                return
        except Exception as exc:
            settle(Failure(exc, raised_by_method=True))
            return
        except BaseException as exc:
            # KeyboardInterrupt, SystemExit: meant for this thread alone. All who wait are told another thing.
            settle(Failure(CancelledError("%s ended the method" % (type(exc).__name__,))))
            raise
        settle(Answer(result))


class SerializedInvoker(Invoker):
    """
    Run one request at a time, in the order of arrival. Those that wait hold no thread.

    A request that is cancelled while it waits never runs. A method that returns a Deferred keeps its turn
    until the Deferred is settled.

    Guarded by `_lock`: `_busy`, `_waiting`.
    """

    def __init__(
        self,
        service: Service,
        submit: Callable[..., None],
        record_run: Callable[[str, float], None],
    ) -> None:
        super().__init__(service, submit, record_run)
        self._lock = threading.Lock()
        self._busy = False
        #: request -> method, in the order of arrival
        self._waiting: dict[Request, Method] = {}

    def close(self) -> None:
        """Forget the waiting requests."""
        with self._lock:
            self._waiting.clear()

    def _start(self, method: Method, request: Request) -> None:
        with self._lock:
            must_wait = self._busy
            if must_wait:
                self._waiting[request] = method
            self._busy = True
        if must_wait:
            request.on_cancel(partial(self._drop, request))
        else:
            self._run(method, request, self._next)

    def _drop(self, request: Request) -> None:
        with self._lock:
            self._waiting.pop(request, None)

    def _next(self) -> None:
        with self._lock:
            if not self._waiting:
                self._busy = False
                return
            request = next(iter(self._waiting))
            method = self._waiting.pop(request)
        self._submit(self._run, method, request, self._next)
