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
    from typing import Any

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
        }

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
    def was_cancelled(self) -> bool:
        return self.cancelled.wait(PATIENCE_S)

    @expose(policy=AllowParents())
    def later(self) -> Deferred:
        return self.deferred

    @expose(policy=AllowParents())
    def settle(self, value: Any) -> None:
        self.deferred.resolve(value)

    @expose(policy=AllowParents())
    @no_reply()
    def note(self) -> None:
        self.noted.set()

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


class NeverActivated(Remote):
    """Be asked for by those who may not activate it."""


class Broken(Service):
    """Fail to be constructed."""

    def __init__(self, router: Any) -> None:
        raise OSError("no disk")


class Turns(Service):
    """Serve one at a time."""

    invoker_class = SerializedInvoker

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.inside = 0

    @expose(policy=AllowParents())
    def turn(self, number: int) -> list[int]:
        self.inside += 1
        try:
            return [number, self.inside]
        finally:
            self.inside -= 1


class Once(DeduplicatingService):
    """Count how often a method runs."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.runs = 0
        self.release = threading.Event()

    @expose(policy=AllowParents())
    def build(self, what: Any) -> int:
        self.runs += 1
        number = self.runs
        assert self.release.wait(PATIENCE_S)
        return number

    @expose(policy=AllowParents())
    def let_go(self) -> None:
        self.release.set()
