# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Import and construct services on the first call that a parent makes to them."""

from __future__ import annotations

import sys
import threading
from importlib import import_module

from ansible_svc.errors import NotActivatedError, UnknownServiceError
from ansible_svc.service.service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from ansible_svc.service.request import Request


class Activator:
    """
    Decide what may be activated and by whom, and see that each service is constructed once.

    A parent may activate any Service class inside the allowed packages. Others may only use what a
    parent has activated. Requests that come while a service is being constructed are parked here; they hold no
    thread. A failure reaches those who wait for it and is not kept.

    Threads: any. Guarded by `_lock`: `_parked`, `_packages`. Nothing is imported under it.
    """

    def __init__(self, packages: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._packages = tuple(packages)
        self._parked: dict[str, list[Request]] = {}

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the packages from which services may be activated."""
        return self._packages

    def allow(self, packages: Iterable[str]) -> None:
        """Let services of these packages be activated as well."""
        with self._lock:
            self._packages += tuple(name for name in packages if name not in self._packages)

    def check(self, request: Request) -> str:
        """
        Return the name of the service to activate for a request.

        :raises UnknownServiceError: There is no such service, and none may be made.
        :raises NotActivatedError: A parent could activate it, but this caller cannot.
        """
        name = request.service
        if not isinstance(name, str):
            raise UnknownServiceError("no service has this handle")
        if not any(name.startswith(package + ".") for package in self._packages):
            raise UnknownServiceError("no service of this name is active, and none may be activated")
        if not request.from_parent:
            raise NotActivatedError("no parent has activated this service")
        return name

    def begin(self, name: str, request: Request) -> bool:
        """
        Note that a request needs a service.

        :returns: True when the caller is to construct it, and then to call `end`. False when another thread
            does; the request is parked.
        """
        with self._lock:
            parked = self._parked.get(name)
            if parked is None:
                self._parked[name] = []
                return True
            parked.append(request)
            return False

    def construct(self, name: str, router: Any) -> Service:
        """
        Import and construct a service.

        :raises UnknownServiceError: The module has no such Service class.
        :raises Exception: Whatever importing or constructing it raises.
        """
        module_name, _, class_name = name.rpartition(".")
        import_module(module_name)
        cls = getattr(sys.modules[module_name], class_name, None)
        if isinstance(cls, type) and issubclass(cls, Service) and cls.name() == name:
            return cls(router)
        raise UnknownServiceError("the module has no service of this name")

    def end(self, name: str) -> list[Request]:
        """Note that the construction has come to its end. Returns the parked requests."""
        with self._lock:
            return self._parked.pop(name, [])
