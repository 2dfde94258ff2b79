# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services for the far side of tests. Sent there by mitogen; runs on Python 3.8 and newer."""

from __future__ import annotations

import os
import sys
import threading

from ansible_svc.service import (
    AllowAny,
    AllowParents,
    DeduplicatingService,
    Deferred,
    SerializedInvoker,
    Service,
    arg_spec,
    call,
    expose,
    no_reply,
)
from ansible_svc.service.endpoint import endpoint_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from ansible_svc.service import Request

#: How long a method waits for what a test will do. Only a test that fails waits this long.
PATIENCE_S = 30.0


class Remote(Service):
    """Do what a test asks for."""

    max_message_bytes = 1_000_000

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.release = threading.Event()
        self.cancelled = threading.Event()
        self.received: list[bytes] = []
        self.arrived = threading.Condition()
        self.deferred = Deferred()
        self.noted = threading.Event()

    def unmarked(self) -> str:
        return "unmarked"

    @expose()
    def nobody(self) -> str:
        return "nobody"

    @expose(policy=AllowParents())
    def echo(self, value: Any) -> Any:
        return value

    @expose(policy=AllowAny())
    def echo_for_all(self, value: Any) -> Any:
        return value

    @expose(policy=AllowParents())
    @arg_spec({"path": str})
    def read(self, path: str) -> bytes:
        with open(path, "rb") as file:
            return file.read()

    @expose(policy=AllowParents())
    def facts(self) -> dict[str, Any]:
        return {
            "pid": os.getpid(),
            "version": list(sys.version_info[:2]),
            "modules": sorted(sys.modules),
            "threads": sorted(thread.name for thread in threading.enumerate()),
            "handlers": len(self.router._handle_map),
            "timers": endpoint_of(self.router).timers.pending(),
        }

    @expose(policy=AllowParents())
    def load(self) -> list[int]:
        """Return how many requests are open, how many jobs wait for a thread, and how many threads are busy."""
        pool = endpoint_of(self.router).pool
        assert pool is not None
        statistics = pool.statistics()
        return [statistics.open_requests, statistics.queue_length, statistics.busy_threads]

    @expose(policy=AllowParents())
    def modules(self, prefix: str) -> list[str]:
        return sorted(name for name in sys.modules if name.startswith(prefix))

    @expose(policy=AllowParents())
    def open_requests(self) -> int:
        pool = endpoint_of(self.router).pool
        assert pool is not None
        return pool.statistics().open_requests

    @expose(policy=AllowParents())
    def close_pool(self) -> None:
        pool = endpoint_of(self.router).pool
        assert pool is not None
        pool.stop()

    # -- waiting

    @expose(policy=AllowParents(), wants_request=True)
    def wait(self, request: Request) -> str:
        request.on_cancel(self.cancelled.set)
        request.on_cancel(self.release.set)
        assert self.release.wait(PATIENCE_S)
        return "released"

    @expose(policy=AllowParents())
    def let_go(self) -> None:
        self.release.set()

    @expose(policy=AllowParents())
    def is_released(self) -> bool:
        return self.release.is_set()

    @expose(policy=AllowParents())
    def was_cancelled(self) -> bool:
        return self.cancelled.wait(PATIENCE_S)

    @expose(policy=AllowParents())
    def later(self) -> Deferred:
        return self.deferred

    @expose(policy=AllowParents())
    def settle(self, value: Any) -> None:
        self.deferred.resolve(value)

    @expose(policy=AllowParents(), wants_request=True)
    def remaining(self, request: Request) -> float | None:
        return request.remaining_s()

    @expose(policy=AllowParents())
    @no_reply()
    def note(self) -> str:
        assert self.release.wait(PATIENCE_S)
        self.noted.set()
        return "nobody will know"

    @expose(policy=AllowParents())
    def was_noted(self) -> bool:
        return self.noted.wait(PATIENCE_S)

    @expose(policy=AllowParents())
    def die(self) -> None:
        os._exit(1)

    # -- receiving

    @expose(policy=AllowParents())
    def listen(self) -> int:
        import mitogen.core

        receiver = mitogen.core.Receiver(self.router)
        self.select.add(receiver)
        return int(receiver.handle)

    def on_message_received(self, event: Any) -> None:
        with self.arrived:
            self.received.append(event.data.data)
            self.arrived.notify_all()

    @expose(policy=AllowParents())
    def receive(self, count: int) -> list[bytes]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.received) >= count, PATIENCE_S)
            return self.received

    # -- calling others

    @expose(policy=AllowParents())
    def ask(self, context_id: int, service: str, method: str, kwargs: dict[str, Any]) -> Any:
        return call(self.router.context_by_id(context_id), service, method, timeout_s=PATIENCE_S, **kwargs)

    @expose(policy=AllowParents())
    @no_reply()
    def ask_and_forget(self, context_id: int, service: str, method: str, kwargs: dict[str, Any]) -> None:
        call(self.router.context_by_id(context_id), service, method, **kwargs)

    # -- what other services of this process have seen

    @expose(policy=AllowParents())
    def let_turns_go(self) -> list[int]:
        Turns.release.set()
        return Turns.order

    @expose(policy=AllowParents())
    def turns(self) -> list[int]:
        return Turns.order

    @expose(policy=AllowParents())
    def constructed(self) -> list[str]:
        return NeverActivated.constructed


class NeverActivated(Remote):
    """Be asked for by those who may not activate it."""

    constructed: ClassVar[list[str]] = []

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.constructed.append(type(self).__name__)


class Broken(Service):
    """Fail to be constructed."""

    def __init__(self, router: Any) -> None:
        raise OSError("no disk")


class Turns(Service):
    """Serve one at a time; the first one for as long as the test likes."""

    invoker_class = SerializedInvoker
    #: Of the class, because another service sets it: here it would have to wait for its turn.
    release = threading.Event()
    order: ClassVar[list[int]] = []

    @expose(policy=AllowParents())
    def turn(self, number: int) -> int:
        self.order.append(number)
        assert number > 0 or self.release.wait(PATIENCE_S)
        return number


class Once(DeduplicatingService):
    """Count how often a method runs."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.runs = 0
        self.release = threading.Event()

    @expose(policy=AllowParents())
    def wake(self) -> None:
        """Have the service activated."""

    @expose(policy=AllowParents())
    def build(self, what: Any) -> int:
        self.runs += 1
        number = self.runs
        assert self.release.wait(PATIENCE_S)
        return number

    @expose(policy=AllowParents())
    def let_go(self) -> None:
        self.release.set()


class Kept(DeduplicatingService):
    """Keep two answers of 1000 bytes and not three: each is there as it was returned, and encoded."""

    answers_max_bytes = 5000

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.runs = 0

    @expose(policy=AllowParents())
    def build(self, what: str) -> list[Any]:
        self.runs += 1
        return [self.runs, what.encode() * 1000]

    @expose(policy=AllowParents(), wants_request=True)
    def drop(self, request: Request, what: str | None) -> None:
        if what is None:
            self.forget_all()
        else:
            self.forget("build", what=what)


class Older(Service):
    """Be called by a number."""

    handle = 501
    required_args: ClassVar[dict[str, Any]] = {"path": str}

    @expose(policy=AllowParents())
    def wake(self) -> None:
        """Have the service activated: that takes its name."""

    def dispatch(self, args: dict[str, Any], msg: Request) -> list[Any]:
        return [args["path"], msg.src_id]


# -- what is hard to tell


class UnprintableError(ValueError):
    def __str__(self) -> str:
        raise LookupError("it has no text")


class Unreadable(dict):
    def items(self) -> Any:
        raise LookupError("it has no items")


class Awkward(Service):
    """Bring what is hard to tell."""

    @expose(policy=AllowParents())
    def unprintable(self) -> None:
        raise UnprintableError

    @expose(policy=AllowParents())
    def unreadable(self) -> Any:
        return Unreadable(a=1)


class AwkwardOnce(Awkward, DeduplicatingService):
    """Bring it once for all who wait."""

    answers_max_bytes = 0


class Exits(Service):
    """End the thread that constructs it, it thinks."""

    def __init__(self, router: Any) -> None:
        raise SystemExit(3)


class ExitsAtStart(Service):
    def on_start(self) -> None:
        raise SystemExit(3)
