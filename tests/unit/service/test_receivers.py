# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A service is woken by whatever its select receives, whenever the receiver was added."""

from __future__ import annotations

import threading
from typing import Any

import mitogen.core
import pytest

from ansible_svc.service import AllowAny, Service, call, expose

from .conftest import Stage, eventually


class Listener(Service):
    """Collect what is received."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.received: list[Any] = []
        self.sources: list[Any] = []
        self.threads: set[str] = set()
        self.closed = threading.Event()

    @expose(policy=AllowAny())
    def echo(self, value: Any) -> Any:
        return value

    def on_message_received(self, event: Any) -> None:
        self.threads.add(threading.current_thread().name)
        self.sources.append(event.source)
        self.received.append(event.data)
        if event.data == "fail":
            raise ValueError("cannot handle this")

    def on_receiver_closed(self, error: Exception) -> None:
        self.closed.set()


def test_latches_added_before_and_after_the_pool_wake_the_service(stage: Stage) -> None:
    service = Listener(stage.controller)
    early, late = mitogen.core.Latch(), mitogen.core.Latch()
    service.select.add(early)
    early.put("before")
    pool = stage.pool()
    pool.add(service)
    early.put("after")
    eventually(lambda: sorted(service.received) == ["after", "before"])
    service.select.add(late)
    late.put("late")
    eventually(lambda: "late" in service.received)
    assert service.sources[-1] is late
    assert all(name.startswith("ansible_svc.pool") for name in service.threads)


def test_what_a_receiver_holds_when_it_is_added_is_not_lost(stage: Stage) -> None:
    service = stage.pool(Listener).service(Listener)
    latch = mitogen.core.Latch()
    for number in range(10):
        latch.put(number)
    service.select.add(latch)
    eventually(lambda: sorted(service.received) == list(range(10)))


def test_messages_of_a_receiver_arrive(stage: Stage) -> None:
    service = stage.pool(Listener).service(Listener)
    receiver = mitogen.core.Receiver(stage.controller)
    service.select.add(receiver)
    host = stage.host(1)
    host.context_by_id(0).send(mitogen.core.Message(data=b"hello", handle=receiver.handle))
    eventually(lambda: [message.data for message in service.received] == [b"hello"])
    assert service.received[0].src_id == 1


def test_a_removed_receiver_wakes_nobody(stage: Stage) -> None:
    service = stage.pool(Listener).service(Listener)
    latch = mitogen.core.Latch()
    service.select.add(latch)
    service.select.remove(latch)
    latch.put("unheard")
    assert call(stage.up(stage.host(1)), Listener, "echo", value=1) == 1
    assert service.received == []


def test_the_end_of_a_receiver_is_told(stage: Stage) -> None:
    service = stage.pool(Listener).service(Listener)
    receiver = mitogen.core.Receiver(stage.controller)
    service.select.add(receiver)
    host = stage.host(1)
    host.context_by_id(0).send(mitogen.core.Message.dead("no more", handle=receiver.handle))
    eventually(service.closed.is_set)
    assert service.received == []


def test_a_handler_that_fails_is_logged_and_counted(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    pool = stage.pool(Listener)
    latch = mitogen.core.Latch()
    pool.service(Listener).select.add(latch)
    latch.put("fail")
    latch.put("go on")
    eventually(lambda: pool.statistics().total.calls == 2)
    assert sorted(pool.service(Listener).received) == ["fail", "go on"]
    counts = pool.statistics().services[Listener.name()]["on_message_received"]
    assert (counts.calls, counts.errors) == (2, 1)
    assert "cannot handle this" in caplog.text


def test_nothing_wakes_a_service_whose_pool_is_closed(stage: Stage) -> None:
    pool = stage.pool(Listener)
    service = pool.service(Listener)
    latch = mitogen.core.Latch()
    service.select.add(latch)
    pool.close()
    latch.put("unheard")
    assert service.received == []


def test_a_service_without_receivers_has_no_select(stage: Stage) -> None:
    service = stage.pool(Listener).service(Listener)
    assert "_select" not in vars(service)
