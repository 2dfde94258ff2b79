# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service that does what tests of calls need."""

from __future__ import annotations

import threading
from typing import Any, ClassVar

from ansible_svc.service import AllowAny, Service, expose, no_reply

from .conftest import Gate


class Echo(Service):
    """Answer with what was asked."""

    gate: ClassVar[Gate]
    cancelled: ClassVar[threading.Event]
    noted: ClassVar[list[Any]]

    @classmethod
    def reset(cls, gate: Gate) -> None:
        """Forget what earlier tests have done. Methods that wait do so until the gate is opened."""
        cls.gate = gate
        cls.cancelled = threading.Event()
        cls.noted = []

    @expose(policy=AllowAny())
    def echo(self, value: Any) -> Any:
        return value

    @expose(policy=AllowAny())
    def fail(self) -> None:
        raise FileNotFoundError("nothing there")

    @expose(policy=AllowAny())
    def wait(self) -> str:
        self.gate.wait()
        return "waited"

    @expose(policy=AllowAny(), wants_request=True)
    def watch(self, request: Any) -> float | None:
        request.on_cancel(self.cancelled.set)
        self.gate.wait()
        return None

    @expose(policy=AllowAny(), wants_request=True)
    def remaining(self, request: Any) -> float | None:
        return request.remaining_s()

    @expose(policy=AllowAny())
    @no_reply()
    def note(self, value: Any) -> None:
        self.gate.wait()
        self.noted.append(value)
        raise ValueError("nobody will know")

    @expose(policy=AllowAny())
    def strange(self) -> object:
        return object()
