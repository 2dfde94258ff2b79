# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Stand in for mitogen, for time and for requests, so that services can be tested without processes.

    with FakeNetwork() as network:
        controller = network.router(0)
        host = network.router(1, parent_ids=[0])
        with Pool(controller, services=[MyService(controller)]):
            call(host.context_by_id(0), MyService, "method", argument=1)

Messages between fake routers are delivered at once, in the thread that sends them. Pools still run methods on
their threads. Deadlines pass when the test says so: ``network.clock.advance(5)``.
"""

from __future__ import annotations

import itertools
import threading

import mitogen.core

from ansible_svc.service.endpoint import Endpoint
from ansible_svc.service.request import Request
from ansible_svc.service.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ansible_svc.service.channel import Channel
    from ansible_svc.service.outcome import Answer, Failure


class FakeClock:
    """
    Tell a time that stands still until it is advanced.

    Guarded by `_lock`: `_now`.
    """

    def __init__(self, now: float = 1000.0) -> None:
        self._lock = threading.Lock()
        self._now = now
        self._listeners: list[Callable[[], object]] = []

    def now(self) -> float:
        """Return the time in seconds."""
        with self._lock:
            return self._now

    def advance(self, seconds: float) -> None:
        """Let time pass, then let everything happen that has become due."""
        with self._lock:
            self._now += seconds
        for listener in self._listeners:
            listener()

    def timers(self) -> Timers:
        """Return Timers that run by this clock, in the thread that advances it."""
        timers = Timers(now=self.now, threaded=False)
        self._listeners.append(timers.expire)
        return timers


class FakeRequest(Request):
    """
    Be a request whose outcomes a test can look at.

    :param caller_id: See `Request`, as for the other parameters.
    """

    def __init__(
        self,
        caller_id: int = 0,
        from_parent: bool = True,
        service: str | int | None = None,
        method: str | None = None,
        kwargs: dict[str, Any] | None = None,
        deadline: float | None = None,
        clock: FakeClock | None = None,
    ) -> None:
        clock = FakeClock() if clock is None else clock
        super().__init__(caller_id, from_parent, service, method, kwargs, deadline, self._record, clock.now)
        #: What the request was ended with; never more than one.
        self.outcomes: list[Answer | Failure] = []

    def _record(self, _request: Request, outcome: Answer | Failure) -> None:
        self.outcomes.append(outcome)

    def result(self) -> Any:
        """Return or raise what the request was ended with."""
        assert len(self.outcomes) == 1, "the request has not been ended"
        return self.outcomes[0].unwrap()


class FakeContext:
    """Be one context as seen from one router."""

    def __init__(self, router: FakeRouter, context_id: int) -> None:
        self.router = router
        self.context_id = context_id

    def send(self, message: Any) -> None:
        """Send a message to this context."""
        message.dst_id = self.context_id
        self.router.route(message)


class FakeBroker:
    """Be what signals are listened to on, and run deferred functions at once."""

    def defer(self, func: Callable[..., Any], *args: Any) -> None:
        """Call a function."""
        func(*args)

    def defer_sync(self, func: Callable[[], Any]) -> Any:
        """Call a function and return what it returns."""
        return func()


class FakeEndpoint(Endpoint):
    """Be the end of a fake router. Pools of others are started by the test, not by the first call."""

    @property
    def own_id(self) -> int:
        """Return the id of the fake router's context."""
        return int(self.router.context_id)

    @property
    def parent_ids(self) -> list[int]:
        """Return the parents' ids of the fake router."""
        return list(self.router.parent_ids)

    def starts_pool_of(self, context_id: int) -> bool:
        """Return False."""
        return False


class FakeRouter:
    """
    Deliver messages to handlers, like `mitogen.core.Router`, within one `FakeNetwork`.

    Threads: any. Guarded by `_lock`: `handlers`, `_contexts`.

    :param network: The network it is part of.
    :param context_id: The id of the process it stands for.
    :param parent_ids: The ids of that process's parents, the nearest first.
    """

    def __init__(self, network: FakeNetwork, context_id: int, parent_ids: Iterable[int] = ()) -> None:
        self.network = network
        self.context_id = context_id
        self.parent_ids = list(parent_ids)
        self.broker = FakeBroker()
        self.max_message_size = 128 * 1024 * 1024
        #: handle -> function
        self.handlers: dict[int, Callable[[Any], None]] = {}
        #: Every message that was sent, whether or not it arrived.
        self.sent: list[Any] = []
        self._contexts: dict[int, FakeContext] = {}
        self._handles = itertools.count(1000)
        self._lock = threading.Lock()
        self.__dict__["_ansible_svc_endpoint"] = FakeEndpoint(self, network.clock.timers())

    def add_handler(
        self,
        fn: Callable[[Any], None],
        handle: int | None = None,
        persist: bool = True,
        policy: object = None,
        respondent: object = None,
        overwrite: bool = False,
    ) -> int:
        """Register a function for a handle; see `mitogen.core.Router.add_handler`."""
        with self._lock:
            handle = next(self._handles) if handle is None else handle
            if handle in self.handlers and not overwrite:
                raise mitogen.core.Error(mitogen.core.Router.duplicate_handle_msg)
            self.handlers[handle] = fn
            return handle

    def del_handler(self, handle: int) -> None:
        """Forget a handle; KeyError when it is not registered."""
        with self._lock:
            del self.handlers[handle]

    def context_by_id(self, context_id: int) -> FakeContext:
        """Return the one object that stands for a context here."""
        with self._lock:
            return self._contexts.setdefault(context_id, FakeContext(self, context_id))

    def stream_by_id(self, context_id: int) -> object:
        """Return something that is the same for contexts on the same path: each is on a path of its own."""
        return context_id if self.network.reachable(context_id) else None

    def route(self, message: Any) -> None:
        """Deliver a message, or a dead one to its sender when that is not possible."""
        message.src_id = message.auth_id = self.context_id
        self.sent.append(message)
        self.network.deliver(self, message)

    def channels(self) -> list[Channel]:
        """Return the open channels to other contexts."""
        endpoint: Endpoint = self.__dict__["_ansible_svc_endpoint"]
        return endpoint.channels()

    def exit(self) -> None:
        """Do what happens when the broker exits: every handler gets a dead message."""
        with self._lock:
            handlers, self.handlers = self.handlers, {}
        for handler in handlers.values():
            dead = mitogen.core.Message.dead(mitogen.core.Router.broker_exit_msg)
            dead.src_id = self.context_id
            handler(dead)
        mitogen.core.fire(self.broker, "exit")


class FakeNetwork:
    """Connect fake routers, all with all."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self._routers: dict[int, FakeRouter] = {}

    def __enter__(self) -> FakeNetwork:
        return self

    def __exit__(self, *exc_info: object) -> None:
        for router in list(self._routers.values()):
            router.exit()

    def router(self, context_id: int, parent_ids: Iterable[int] = ()) -> FakeRouter:
        """Return a new router for a new process."""
        router = self._routers[context_id] = FakeRouter(self, context_id, parent_ids)
        return router

    def routers(self) -> list[FakeRouter]:
        """Return the routers of all processes that are there."""
        return list(self._routers.values())

    def reachable(self, context_id: int) -> bool:
        """Return whether a process is there."""
        return context_id in self._routers

    def disconnect(self, context_id: int) -> None:
        """Let a process vanish, and tell those who know of it."""
        del self._routers[context_id]
        for router in list(self._routers.values()):
            mitogen.core.fire(router.context_by_id(context_id), "disconnect")

    def deliver(self, sender: FakeRouter, message: Any) -> None:
        """Hand a message to the handler it is addressed to."""
        receiver = self._routers.get(message.dst_id)
        if receiver is None:
            self._bounce(sender, message, mitogen.core.Router.no_route_msg % (message.dst_id, sender.context_id))
            return
        handler = receiver.handlers.get(message.handle)
        if handler is None:
            self._bounce(sender, message, mitogen.core.Router.invalid_handle_msg)
            return
        message.router = receiver
        handler(message)

    def _bounce(self, sender: FakeRouter, message: Any, reason: str) -> None:
        handler = sender.handlers.get(message.reply_to)
        if handler is not None and not message.is_dead:
            dead = mitogen.core.Message.dead(reason)
            dead.src_id = sender.context_id
            handler(dead)
