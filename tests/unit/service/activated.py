# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services for test_activation to activate."""

from __future__ import annotations

import threading
from typing import Any

from ansible_svc.service import AllowAny, Service, expose

constructed: list[str] = []
may_construct = threading.Event()
constructing = threading.Event()


class Plain(Service):
    def __init__(self, router: Any) -> None:
        super().__init__(router)
        constructed.append("Plain")

    @expose(policy=AllowAny())
    def echo(self, value: Any) -> Any:
        return value


class Slow(Plain):
    def __init__(self, router: Any) -> None:
        super().__init__(router)
        constructing.set()
        assert may_construct.wait(20)


class Broken(Service):
    def __init__(self, router: Any) -> None:
        constructed.append("Broken")
        raise OSError("no disk")


class Reluctant(Service):
    def on_start(self) -> None:
        raise OSError("will not start")


class Exits(Service):
    """End the thread that constructs it, it thinks, once others wait for it."""

    def __init__(self, router: Any) -> None:
        constructed.append("Exits")
        constructing.set()
        assert may_construct.wait(20)
        raise SystemExit(3)


class ExitsAtStart(Service):
    def on_start(self) -> None:
        raise SystemExit(3)


class Interrupts(Service):
    def __init__(self, router: Any) -> None:
        constructed.append("Interrupts")
        raise KeyboardInterrupt


class NoService:
    pass


ALIAS = Plain
