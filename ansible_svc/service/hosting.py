# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the services of a Pool: which invoker serves which name, and what their selects receive."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

import mitogen.core

from ansible_svc.errors import ActivationError, Error, PoolClosedError, UnknownServiceError
from ansible_svc.service.activator import Activator
from ansible_svc.service.counters import UNKNOWN, Counters
from ansible_svc.service.faults import traceback_text
from ansible_svc.service.outcome import Failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from ansible_svc.service.invoker import Invoker
    from ansible_svc.service.request import Request
    from ansible_svc.service.service import Service

LOG = logging.getLogger("ansible_svc.service")

#: Method name under which received messages are counted.
ON_MESSAGE = "on_message_received"


class Host:
    """
    Hold the active services and activate those that are asked for.

    Threads: any. Guarded by `_lock`: `_invokers`, `_services`, `_closed`. No hook, import or method runs
    under it.

    :param router: What services are constructed with.
    :param packages: See `Activator`.
    :param submit: Runs a function on a pool thread, later.
    :param counters: Told of every run.
    """

    def __init__(self, router: Any, packages: Iterable[str], submit: Callable[..., None], counters: Counters) -> None:
        self.activator = Activator(packages)
        self._router = router
        self._submit = submit
        self._counters = counters
        self._lock = threading.Lock()
        self._invokers: dict[str | int, Invoker] = {}
        self._services: list[Service] = []
        self._closed = False

    def add(self, service: Service) -> None:
        """
        Start a service.

        :raises ValueError: A service of that name or handle is there already.
        :raises PoolClosedError: The Pool is closed.
        """
        name = service.name()
        keys: list[str | int] = [name] if service.handle is None else [name, service.handle]
        invoker = service.invoker_class(service, self._submit, partial(self._counters.ran, name))
        service.on_start()
        with self._lock:
            taken = [key for key in keys if key in self._invokers]
            closed = self._closed
            if not taken and not closed:
                self._invokers.update((key, invoker) for key in keys)
                self._services.append(service)
        if taken or closed:
            service.on_shutdown()
            if closed:
                raise PoolClosedError("the Pool is closed")
            raise ValueError("there is a service %r already" % (taken[0],))
        service.bind(partial(self._on_ready, service))
        # What was in the select before it was bound has woken nobody.
        self._submit(self._drain_select, service)

    def service(self, name: str) -> Service:
        """
        Return an active service.

        :raises UnknownServiceError: There is none of that name.
        """
        invoker = self._invokers.get(name)
        if invoker is None:
            raise UnknownServiceError("no service of this name is active")
        return invoker.service

    def close(self) -> None:
        """Shut all services down and refuse new ones."""
        with self._lock:
            self._closed = True
            services, self._services = self._services, []
            invokers = set(self._invokers.values())
        for service in services:
            service.bind(None)
            try:
                service.on_shutdown()
            except Exception:
                LOG.exception("%s: on_shutdown failed", service.name())
        for invoker in invokers:
            invoker.close()

    def find(self, request: Request, serve: Callable[[Request], None]) -> Invoker | None:
        """
        Return the invoker that serves a request; activate its service if need be.

        :param serve: Called on a pool thread with each request that was parked meanwhile.
        :returns: None when another thread is activating the service: the request is parked.
        :raises Error: There is no such service, or it cannot be activated.
        """
        assert request.service is not None
        invoker = self._invokers.get(request.service)
        if invoker is not None:
            return invoker
        name = self.activator.check(request)
        if not self.activator.begin(name, request):
            return None
        failure: Error | None = None
        try:
            if name not in self._invokers:
                self._activate(name)
        except Error as exc:
            failure = exc
            raise
        finally:
            for parked in self.activator.end(name):
                if failure is None:
                    self._submit(serve, parked)
                else:
                    parked.refused = True
                    parked.finish(Failure(failure))
        return self._invokers[name]

    def _activate(self, name: str) -> None:
        try:
            self.add(self.activator.construct(name, self._router))
        except Error:
            raise
        except (Exception, SystemExit) as exc:
            # A module that exits when it is imported does not mean this thread.
            raise ActivationError(
                "%s cannot be activated: %s" % (name, type(exc).__name__), remote_traceback=traceback_text(exc)
            ) from exc

    def counted_names(self, request: Request) -> tuple[str, str]:
        """Return the service and the method under which a request is counted."""
        invoker = None if request.service is None else self._invokers.get(request.service)
        if invoker is None:
            return UNKNOWN, UNKNOWN
        return invoker.service.name(), invoker.counted_name(request)

    # -- what the services' selects receive

    def _on_ready(self, service: Service, _select: object) -> None:
        self._submit(self._serve_select, service)

    def _serve_select(self, service: Service) -> bool:
        """Hand one ready message to a service. Returns False when there was none."""
        try:
            event = service.select.get_event(block=False)
        except mitogen.core.TimeoutError:
            return False
        except mitogen.core.ChannelError as exc:
            self._run_hook(service, service.on_receiver_closed, exc)
            return True
        except mitogen.core.Error as exc:
            # Select.get_event: the last receiver was removed after it had woken us.
            LOG.debug("%s: nothing to receive: %s", service.name(), exc)
            return False
        self._run_hook(service, service.on_message_received, event)
        return True

    def _run_hook(self, service: Service, hook: Callable[[Any], None], argument: object) -> None:
        started = time.monotonic()
        failed = False
        try:
            hook(argument)
        except Exception:
            failed = True
            LOG.exception("%s: handling a received message failed", service.name())
        self._counters.ran(service.name(), ON_MESSAGE, time.monotonic() - started)
        self._counters.ended(service.name(), ON_MESSAGE, failed=failed)

    def _drain_select(self, service: Service) -> None:
        if "_select" in service.__dict__:
            while self._serve_select(service):
                pass
