# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Host services: a fixed number of threads, one queue, one Invoker per service.

    broker thread  `receive`: checks bounds, registers the request, puts it in the queue; decodes no JSON
    pool threads   take jobs from the queue: serve a request, or hand a message that is ready in a service's
                   select to the service
    timer thread   cancels requests whose deadline has passed

The queue is the aggregate of everything a Pool waits for: requests come from the CALL_SERVICE handle, and every
service's select puts one job per ready message into it.
"""

from __future__ import annotations

import logging
import threading
from functools import partial

import mitogen.core

from ansible_svc.errors import (
    CancelledError,
    DeadlineExceededError,
    DisconnectedError,
    Error,
    MalformedError,
    MessageTooLargeError,
    PoolClosedError,
)
from ansible_svc.service.counters import UNKNOWN, Counters
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.hosting import Host
from ansible_svc.service.inbound import InboundRequest, make_refusal, send_reply
from ansible_svc.service.outcome import Failure
from ansible_svc.service.request import Request
from ansible_svc.service.table import RequestTable
from ansible_svc.service.wire import CALL, CANCEL, Prefix, read_prefix
from ansible_svc.service.workers import Workers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any, TypeVar

    from mitogen.core import Message, Router

    from ansible_svc.service.activator import Activator
    from ansible_svc.service.outcome import Answer
    from ansible_svc.service.service import Service
    from ansible_svc.service.statistics import PoolStatistics

    S = TypeVar("S", bound=Service)

LOG = logging.getLogger("ansible_svc.service")


class Pool:
    """
    Host services and run their methods.

    At most `size` jobs run at a time and at most `queue_limit` accepted requests wait beyond that (for a
    thread, for their turn, for another one's run, or as a Deferred); more are refused with QueueFullError, as
    are more than `caller_limit` of one caller that has no parent's authority.

    Threads: any thread may call any public method; `stop` never blocks, `close` and `join` do. Guarded by
    `_lock`: `_stopped`. Services, open requests, threads and counters have objects with locks of their own; none
    is held while another is taken, nor while a method, an import, a reply or a hook runs.

    :param router: The router to listen on. One Pool per router.
    :param services: Services to start with; see `add`.
    :param size: Number of threads.
    :param queue_limit: How many accepted requests may wait.
    :param activation_packages: Packages whose services a parent's first call activates. Empty, as on the
        controller: only what was added exists.
    :param max_message_bytes: Largest request that is taken; a service may set a lower limit of its own.
    :param max_open_bytes: Most bytes that all open requests may hold together.
    :param caller_limit: Most open requests of one caller without a parent's authority.
    :param listen: False: do not listen yet; `takeover` calls `listen` itself.
    :raises RuntimeError: The router has a Pool already.
    """

    def __init__(
        self,
        router: Router,
        services: Iterable[Service] = (),
        size: int = 4,
        queue_limit: int = 10_000,
        activation_packages: Iterable[str] = (),
        max_message_bytes: int = 64 * 1024 * 1024,
        max_open_bytes: int = 512 * 1024 * 1024,
        caller_limit: int = 1000,
        listen: bool = True,
    ) -> None:
        self.router = router
        self.size = size
        self.max_message_bytes = max_message_bytes
        self._endpoint = endpoint_of(router)
        self._lock = threading.Lock()
        self._stopped = False
        self._counters = Counters()
        self._requests = RequestTable(queue_limit + size, max_open_bytes, caller_limit)
        self._endpoint.attach(self)
        self._workers = Workers(size)
        self._host = Host(router, activation_packages, self._workers.submit, self._counters)
        try:
            for service in services:
                self.add(service)
            if listen:
                self.listen()
        except BaseException:
            self.close()
            raise

    @property
    def activator(self) -> Activator:
        """Return what decides which services may be activated."""
        return self._host.activator

    # -- life

    def listen(self, overwrite: bool = False) -> None:
        """
        Take requests from the CALL_SERVICE handle.

        There is no policy on the handle: who may call what is the business of each method.

        :param overwrite: Replace a handler that is registered already; for `takeover`.
        """
        self.router.add_handler(self.receive, handle=mitogen.core.CALL_SERVICE, overwrite=overwrite)

    def add(self, service: Service) -> None:
        """
        Start a service. Requests reach it once its `on_start` has returned.

        :raises ValueError: A service of that name or handle is there already.
        :raises PoolClosedError: The Pool is closed.
        """
        self._host.add(service)

    def service(self, cls: type[S]) -> S:
        """
        Return the active service of a class.

        :raises UnknownServiceError: There is none.
        """
        service: Any = self._host.service(cls.name())
        found: S = service
        return found

    def stop(self) -> None:
        """
        Take no more requests and end those that are open with PoolClosedError. Never blocks.

        Methods that are running are told through `request.on_cancel`. Then every service's `on_shutdown` is
        called, and the threads end as soon as their methods return.
        """
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        try:
            self.router.del_handler(mitogen.core.CALL_SERVICE)
        except KeyError:
            LOG.debug("CALL_SERVICE was not registered, or the router has dropped it")
        for request in self._requests.close():
            request.cancel(PoolClosedError("the Pool was closed"))
        self._host.close()
        self._workers.stop()
        self._endpoint.detach(self)

    def join(self, timeout_s: float | None = None) -> bool:
        """
        Wait until all threads have ended; call `stop` before. A pool thread does not wait for itself.

        :param timeout_s: Wait this long at most. None: as long as it takes.
        :returns: Whether all threads have ended.
        """
        return self._workers.join(timeout_s)

    def close(self) -> None:
        """Stop, and wait until all threads have ended."""
        self.stop()
        self.join()

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def statistics(self) -> PoolStatistics:
        """Return what the Pool has done so far, and its state now."""
        # Not at the top: it needs typing, and targets are rarely asked.
        from ansible_svc.service.statistics import PoolStatistics

        total, services = self._counters.snapshot()
        return PoolStatistics(
            threads=self.size,
            open_requests=self._requests.open,
            open_high_water=self._requests.high_water,
            queue_length=self._workers.queue_length,
            queue_high_water=self._workers.queue_high_water,
            busy_threads=self._workers.busy,
            busy_threads_high_water=self._workers.busy_high_water,
            total=total,
            services=services,
        )

    # -- calls inside this process

    def invoke(
        self, service: str | type[Service], method: str, /, timeout_s: float | None = None, **kwargs: Any
    ) -> Any:
        """
        Call a method of a service of this Pool through its invoker, in the calling thread.

        No policy is consulted. Arguments and results may be any objects; answers of a deduplicating service
        are shared, so do not change them. Never to be called on the broker thread, nor from a method of the same
        SerializedInvoker.

        :param timeout_s: Seconds after which the wait is over. A method that runs in this very thread is told
            by `request.on_cancel`; the exception is raised when it returns.
        :returns: What the method returned; that of a Deferred when it is settled.
        :raises Error: The request was refused, cancelled or timed out.
        :raises Exception: Whatever the method raised.
        """
        timers = self._endpoint.timers
        deadline = None if timeout_s is None else timers.now() + timeout_s
        ended = threading.Lock()
        ended.acquire()
        outcomes: list[Answer | Failure] = []

        def close(request: Request, outcome: Answer | Failure) -> None:
            self._requests.remove(request)
            self._count(request, outcome)
            outcomes.append(outcome)
            ended.release()

        name = service if isinstance(service, str) else service.name()
        request = Request(self._endpoint.own_id, True, name, method, kwargs, deadline, close, timers.now)
        request.local = True
        self._requests.add_local(request)
        error = DeadlineExceededError("the deadline has passed")
        timer = None if deadline is None else timers.schedule(deadline, partial(request.cancel, error))
        try:
            self._dispatch(request)
            ended.acquire()
        finally:
            if timer is not None:
                timers.cancel(timer)
            # Only an exception such as KeyboardInterrupt leaves it open.
            request.cancel(CancelledError("the caller was interrupted"))
        return outcomes[0].unwrap()

    # -- on the broker thread

    def receive(self, message: Message) -> None:
        """Take a message that was sent to CALL_SERVICE. Called by mitogen on the broker thread."""
        if message.is_dead:
            if message.router is None:
                # From mitogen.core.Router._on_broker_exit; a remote context's dead message has a router.
                self.stop()
            return
        try:
            prefix = self._check(message)
            if prefix.kind == CANCEL:
                self._cancel(message.src_id, prefix.number)
                return
            request = InboundRequest(message, prefix, self._endpoint, self._on_request_closed)
            self._endpoint.watch(message.src_id)
            self._requests.add(request)
        except Error as exc:
            LOG.warning("refused a message of context %d: %s", message.src_id, exc)
            reply = make_refusal(message, self._endpoint, exc)
            sent_bytes = 0 if reply is None else len(reply.data)
            self._counters.ended(UNKNOWN, UNKNOWN, refused=True, bytes_in=len(message.data), bytes_out=sent_bytes)
            if reply is not None:
                send_reply(self._endpoint, reply)
            return
        request.watch_deadline()
        self._workers.submit(self._dispatch, request)

    def _check(self, message: Message) -> Prefix:
        if message.enc != mitogen.core.Message.ENC_BIN:
            raise MalformedError("this is not a frame of ansible_svc")
        prefix = read_prefix(message.data)
        if prefix.kind not in (CALL, CANCEL):
            raise MalformedError("this handle takes calls", {"number": prefix.number})
        if len(message.data) > self.max_message_bytes:
            raise MessageTooLargeError(
                "%d bytes; this Pool takes %d" % (len(message.data), self.max_message_bytes),
                {"number": prefix.number},
            )
        return prefix

    def _cancel(self, caller_id: int, number: int) -> None:
        request = self._requests.find(caller_id, number)
        if request is not None:
            request.stop_awaiting()
            request.cancel(CancelledError("the caller has cancelled the call"))

    def forget_caller(self, context_id: int) -> None:
        """Drop the requests of a context that has disconnected, except those that nobody waited for."""
        for request in self._requests.of_caller(context_id):
            if request.stop_awaiting():
                request.cancel(DisconnectedError("the caller has disconnected"))

    # -- on pool threads

    def _dispatch(self, request: Request) -> None:
        try:
            request.read()
            if request.done:
                # Cancelled while it waited for this thread, or was parked.
                return
            invoker = self._host.find(request, self._dispatch)
            if invoker is not None:
                invoker.accept(request)
        except Error as exc:
            self._refuse(request, exc)
        except Exception as exc:
            LOG.exception("a request of context %d could not be served", request.caller_id)
            request.finish(Failure(exc, raised_by_method=True))
        except BaseException as exc:
            # Meant for this thread alone; whoever asked waits all the same. Ignored when a method has answered.
            request.finish(Failure(CancelledError("%s ended the request" % (type(exc).__name__,))))
            raise

    def _refuse(self, request: Request, error: Error) -> None:
        LOG.info("refused a request of context %d: %s", request.caller_id, error)
        request.refused = True
        request.finish(Failure(error))

    # -- ends of requests, on any thread

    def _on_request_closed(self, request: InboundRequest, outcome: Answer | Failure) -> None:
        self._requests.remove(request)
        if isinstance(outcome, Failure) and not request.awaited and not request.cancelled:
            LOG.error(
                "%s.%s, which nobody waits for, failed: %s",
                request.service,
                request.method,
                type(outcome.error).__name__,
                exc_info=outcome.error,
            )
        reply = request.take_reply(outcome)
        # Counted before it is sent, so that a caller who has its answer finds itself counted.
        self._count(request, outcome, request.sent_bytes)
        if reply is not None:
            send_reply(self._endpoint, reply)

    def _count(self, request: Request, outcome: Answer | Failure, sent_bytes: int = 0) -> None:
        service, method = self._host.counted_names(request)
        self._counters.ended(
            service,
            method,
            failed=isinstance(outcome, Failure),
            refused=request.refused,
            deduplicated=request.deduplicated,
            bytes_in=request.size_bytes,
            bytes_out=sent_bytes,
        )
