# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Host services: a fixed number of threads, one queue, one Invoker per service.

    broker thread  _on_message: bounds, registers the request, puts it in the queue. Decodes no JSON.
    pool threads   take jobs from the queue: serve a request, or hand a message that is ready in a service's
                   select to the service
    timer thread   cancels requests whose deadline has passed

The queue is the aggregate of everything a Pool waits for: requests come from the CALL_SERVICE handle, and every
service's select puts one job per ready message into it.
"""

from __future__ import annotations

import logging
import threading
import time
from functools import partial
from queue import SimpleQueue

import mitogen.core

from ansible_svc.errors import (
    CancelledError,
    DeadlineExceededError,
    DisconnectedError,
    Error,
    MalformedError,
    MessageTooLargeError,
    PoolClosedError,
    UnknownServiceError,
)
from ansible_svc.service.activator import Activator
from ansible_svc.service.counters import UNKNOWN, Counters
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.inbound import InboundRequest, RequestTable, refuse
from ansible_svc.service.outcome import Failure
from ansible_svc.service.request import Request
from ansible_svc.service.wire import CALL, CANCEL, read_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from mitogen.core import Message, Router

    from ansible_svc.service.invoker import Invoker
    from ansible_svc.service.outcome import Answer
    from ansible_svc.service.service import Service
    from ansible_svc.service.statistics import PoolStatistics

LOG = logging.getLogger("ansible_svc.service")


class Pool:
    """
    Host services and run their methods.

    At most `size` jobs run at a time and at most `queue_limit` accepted requests wait beyond that (for a
    thread, for their turn, for another one's run, or as a Deferred); more are refused with
    QueueFullError, as are more than `caller_limit` from one caller without a parent's authority.

    Threads: any thread may call any public method; `stop` never blocks, `close` and `join` do.
    Guarded by `_lock`: `_invokers`, `_services`, `_stopped`, `_busy`, `_busy_high_water`. The requests have
    a table with a lock of its own. No method, import, reply or hook runs under either.

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
        self.activator = Activator(activation_packages)
        self._endpoint = endpoint_of(router)
        self._queue: SimpleQueue[tuple[Callable[..., None], tuple[Any, ...]] | None] = SimpleQueue()
        self._queue_high_water = 0
        self._counters = Counters()
        self._requests = RequestTable(queue_limit + size, max_open_bytes, caller_limit)
        self._lock = threading.Lock()
        self._invokers: dict[str | int, Invoker] = {}
        self._services: list[Service] = []
        self._stopped = False
        self._busy = 0
        self._busy_high_water = 0
        if self._endpoint.pool is not None:
            raise RuntimeError("this router has a Pool already")
        self._endpoint.pool = self
        self._threads = [
            threading.Thread(target=self._work, name="ansible_svc.pool.%d" % (index,), daemon=True)
            for index in range(size)
        ]
        for thread in self._threads:
            thread.start()
        try:
            for service in services:
                self.add(service)
            if listen:
                self.listen()
        except BaseException:
            self.close()
            raise

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
        Start a service. Requests reach it once `on_start` has returned.

        :raises ValueError: A service of that name or handle is there already.
        :raises PoolClosedError: The Pool is closed.
        """
        keys: list[str | int] = [service.name()]
        if service.handle is not None:
            keys.append(service.handle)
        invoker = service.invoker_class(service, self._submit, partial(self._counters.ran, service.name()))
        service.on_start()
        with self._lock:
            taken = [key for key in keys if key in self._invokers]
            if not taken and not self._stopped:
                self._invokers.update((key, invoker) for key in keys)
                self._services.append(service)
        if taken or self._stopped:
            service.on_shutdown()
            if taken:
                raise ValueError("there is a service %r already" % (taken[0],))
            raise PoolClosedError("the Pool is closed")
        service.bind(partial(self._on_ready, service))
        # What was in the select before it was bound has woken nobody.
        self._submit(self._drain_select, service)

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
            services, self._services = self._services, []
        try:
            self.router.del_handler(mitogen.core.CALL_SERVICE)
        except KeyError:
            LOG.debug("CALL_SERVICE was not registered, or the router has dropped it")
        for request in self._requests.close():
            request.cancel(PoolClosedError("the Pool was closed"))
        for service in services:
            service.bind(None)
            try:
                service.on_shutdown()
            except Exception:
                LOG.exception("%s: on_shutdown failed", service.name())
        for _ in self._threads:
            self._queue.put(None)
        if self._endpoint.pool is self:
            self._endpoint.pool = None

    def join(self, timeout_s: float | None = None) -> bool:
        """
        Wait until all threads have ended; call `stop` before. A pool thread does not wait for itself.

        :param timeout_s: Wait this long at most. None: as long as it takes.
        :returns: Whether all threads have ended.
        """
        give_up = None if timeout_s is None else time.monotonic() + timeout_s
        me = threading.current_thread()
        others = [thread for thread in self._threads if thread is not me]
        for thread in others:
            thread.join(None if give_up is None else max(0.0, give_up - time.monotonic()))
        return not any(thread.is_alive() for thread in others)

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
        from ansible_svc.service.statistics import PoolStatistics  # noqa: PLC0415

        total, services = self._counters.snapshot()
        return PoolStatistics(
            threads=self.size,
            open_requests=self._requests.open,
            open_high_water=self._requests.high_water,
            queue_length=self._queue.qsize(),
            queue_high_water=self._queue_high_water,
            busy_threads_high_water=self._busy_high_water,
            total=total,
            services=services,
        )

    # -- calls inside this process

    def invoke(
        self, service: str | type[Service], method: str, timeout_s: float | None = None, **kwargs: Any
    ) -> Any:
        """
        Call a method of a service of this Pool through its invoker, in the calling thread.

        Every policy but AllowContexts and AllowNobody lets this process in. Arguments and results may be any objects; answers of a
        deduplicating service are shared, so do not change them. Never to be called on the broker thread, nor from a
        method of the same SerializedInvoker.

        :param timeout_s: Seconds after which the wait is over. A method that runs in this very thread is told
            by `request.on_cancel`; the exception is raised when it returns.
        :returns: What the method returned; that of a Deferred when it is settled.
        :raises Error: The request was refused, cancelled or timed out.
        :raises Exception: Whatever the method raised.
        """
        name = service if isinstance(service, str) else service.name()
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        ended = threading.Lock()
        ended.acquire()
        outcomes: list[Answer | Failure] = []

        def close(request: Request, outcome: Answer | Failure) -> None:
            self._requests.remove(request)
            self._count(request, outcome, 0)
            outcomes.append(outcome)
            ended.release()

        request = Request(self._endpoint.own_id, True, name, method, kwargs, deadline, close)
        self._requests.add_local(request)
        timers = self._endpoint.timers
        timer = None if deadline is None else timers.schedule(deadline, partial(_expire, request))
        try:
            self._serve_read(request)
            ended.acquire()
        finally:
            if timer is not None:
                timers.cancel(timer)
            if not request.done:
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
            if message.enc != mitogen.core.Message.ENC_BIN:
                raise MalformedError("this is not a frame of ansible_svc")
            prefix = read_prefix(message.data)
            if prefix.kind == CANCEL:
                self._cancel(message.src_id, prefix.number)
                return
            if prefix.kind != CALL:
                raise MalformedError("this handle takes calls", {"number": prefix.number})
            request = InboundRequest(message, prefix, self._endpoint, self._on_request_closed)
            if len(message.data) > self.max_message_bytes:
                raise MessageTooLargeError(
                    "%d bytes; this Pool takes %d" % (len(message.data), self.max_message_bytes),
                    {"number": prefix.number},
                )
            self._endpoint.watch(message.src_id)
            self._requests.add(request)
        except Error as exc:
            LOG.warning("refused a message of context %d: %s", message.src_id, exc)
            sent_bytes = refuse(message, self._endpoint, exc)
            self._counters.ended(UNKNOWN, UNKNOWN, True, True, False, len(message.data), sent_bytes)
            return
        request.watch_deadline()
        self._submit(self._serve, request)

    def _cancel(self, caller_id: int, number: int) -> None:
        request = self._requests.find(caller_id, number)
        if request is not None:
            request.awaited = False
            request.cancel(CancelledError("the caller has cancelled the call"))

    def forget_caller(self, context_id: int) -> None:
        """Drop the requests of a context that has disconnected, except those that nobody waits for."""
        for request in self._requests.of_caller(context_id):
            if request.awaited:
                request.awaited = False
                request.cancel(DisconnectedError("the caller has disconnected"))

    def _on_ready(self, service: Service, _select: Any) -> None:
        self._submit(self._serve_select, service)

    # -- on pool threads

    def _submit(self, func: Callable[..., None], *args: Any) -> None:
        self._queue.put((func, args))
        length = self._queue.qsize()
        if length > self._queue_high_water:
            # Two threads may both write; the loser is off by what arrived in between.
            self._queue_high_water = length

    def _work(self) -> None:
        while True:
            job = self._queue.get()
            if job is None:
                return
            func, args = job
            with self._lock:
                self._busy += 1
                self._busy_high_water = max(self._busy_high_water, self._busy)
            try:
                func(*args)
            except BaseException:
                # A pool thread outlives whatever its jobs do, SystemExit included.
                LOG.exception("a job of the Pool failed")
            with self._lock:
                self._busy -= 1
            # Do not hold on to the last request while waiting for the next one.
            del job, func, args

    def _serve(self, request: InboundRequest) -> None:
        if request.done:
            return
        try:
            request.read()
        except Error as exc:
            LOG.warning("refused a request of context %d: %s", request.caller_id, exc)
            request.refused = True
            request.finish(Failure(exc))
            return
        self._serve_read(request)

    def _serve_read(self, request: Request) -> None:
        try:
            invoker = self._invoker_for(request)
            if invoker is not None:
                request.known = True
                invoker.accept(request)
        except Error as exc:
            LOG.info("refused a request of context %d: %s", request.caller_id, exc)
            request.refused = True
            request.finish(Failure(exc))
        except Exception as exc:
            LOG.exception("a request of context %d could not be served", request.caller_id)
            request.finish(Failure(exc, raised_by_method=True))

    def _invoker_for(self, request: Request) -> Invoker | None:
        """Return the invoker; None when the request waits for the activation of its service."""
        assert request.service is not None
        with self._lock:
            invoker = self._invokers.get(request.service)
        if invoker is not None:
            return invoker
        name = self.activator.check(request)
        if not self.activator.begin(name, request):
            return None
        try:
            with self._lock:
                active = name in self._invokers
            if not active:
                self.add(self.activator.construct(name, self.router))
        except Error as exc:
            for parked in self.activator.end(name):
                parked.finish(Failure(exc))
            raise
        except BaseException as exc:
            for parked in self.activator.end(name):
                parked.finish(Failure(exc, raised_by_method=True))
            raise
        for parked in self.activator.end(name):
            self._submit(self._serve_read, parked)
        with self._lock:
            invoker = self._invokers.get(name)
        if invoker is None:
            raise UnknownServiceError("the service is gone")
        return invoker

    def _serve_select(self, service: Service) -> bool:
        """Hand one ready message to a service. Returns False when there was none."""
        started = time.monotonic()
        failed = True
        try:
            try:
                event = service.select.get_event(block=False)
            except mitogen.core.TimeoutError:
                return False
            except mitogen.core.ChannelError as exc:
                service.on_receiver_closed(exc)
                failed = False
                return True
            except mitogen.core.Error as exc:
                # Select.get_event: the last receiver was removed after it had woken us.
                LOG.debug("%s: nothing to receive: %s", service.name(), exc)
                return False
            service.on_message_received(event)
            failed = False
        except Exception:
            LOG.exception("%s: on_message_received failed", service.name())
        seconds = time.monotonic() - started
        self._counters.ran(service.name(), "on_message_received", seconds)
        self._counters.ended(service.name(), "on_message_received", failed, False, False, 0, 0)
        return True

    def _drain_select(self, service: Service) -> None:
        if "_select" in service.__dict__:
            while self._serve_select(service):
                pass

    # -- ends of requests, on any thread

    def _on_request_closed(self, request: InboundRequest, outcome: Answer | Failure) -> None:
        self._requests.remove(request)
        sent_bytes = request.reply(outcome)
        if isinstance(outcome, Failure) and not request.awaited and not request.cancelled:
            LOG.error(
                "%s.%s, which nobody waits for, failed: %s",
                request.service, request.method, type(outcome.error).__name__, exc_info=outcome.error,
            )
        self._count(request, outcome, sent_bytes)

    def _count(self, request: Request, outcome: Answer | Failure, sent_bytes: int) -> None:
        service = method = UNKNOWN
        if request.known:
            with self._lock:
                invoker = self._invokers.get(request.service or "")
            if invoker is not None:
                service = invoker.service.name()
                method = invoker.counted_name(request)
        self._counters.ended(
            service, method, isinstance(outcome, Failure), request.refused, request.deduplicated,
            request.size_bytes, sent_bytes,
        )


def _expire(request: Request) -> None:
    request.cancel(DeadlineExceededError("the deadline has passed"))
