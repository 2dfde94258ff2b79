# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Functions are called when their time has come, in order, and never after they were cancelled."""

from __future__ import annotations

import threading
import time

from ansible_svc.service.testing import FakeClock
from ansible_svc.service.timers import Timers


def test_functions_are_called_in_the_order_of_their_times() -> None:
    clock = FakeClock(0)
    timers = clock.timers()
    called: list[int] = []
    for when in (3, 1, 2):
        timers.schedule(when, lambda when=when: called.append(when))
    clock.advance(0.5)
    assert called == []
    clock.advance(1.5)
    assert called == [1, 2]
    clock.advance(10)
    assert called == [1, 2, 3]
    assert timers.pending() == 0


def test_a_cancelled_function_is_not_called() -> None:
    clock = FakeClock(0)
    timers = clock.timers()
    called: list[int] = []
    timer = timers.schedule(1, lambda: called.append(1))
    timers.cancel(timer)
    timers.cancel(timer)
    clock.advance(2)
    assert called == []
    assert timers.pending() == 0


def test_a_function_that_fails_does_not_stop_the_others() -> None:
    clock = FakeClock(0)
    timers = clock.timers()
    called: list[int] = []
    timers.schedule(1, lambda: 1 / 0)
    timers.schedule(2, lambda: called.append(2))
    clock.advance(3)
    assert called == [2]


def test_cancelled_entries_take_no_memory() -> None:
    timers = Timers(now=lambda: 0.0, threaded=False)
    kept = timers.schedule(1e9, lambda: None)
    for _ in range(10_000):
        timers.cancel(timers.schedule(1e6, lambda: None))
    assert len(timers._heap) < 200
    assert timers.pending() == 1
    timers.cancel(kept)


def test_nothing_is_called_after_close() -> None:
    clock = FakeClock(0)
    timers = clock.timers()
    called: list[int] = []
    timers.schedule(1, lambda: called.append(1))
    timers.close()
    timers.schedule(1, lambda: called.append(2))
    clock.advance(2)
    assert called == []


def test_one_thread_watches_all_and_ends_with_close() -> None:
    timers = Timers("test.timers")
    event = threading.Event()
    timers.schedule(float("inf"), lambda: None)
    timers.schedule(time.monotonic() + 1e12, lambda: None)
    timers.schedule(time.monotonic() + 0.01, event.set)
    assert event.wait(10)
    assert sum(thread.name == "test.timers" for thread in threading.enumerate()) == 1
    timers.close()
    timers.join(10)
    assert not any(thread.name == "test.timers" for thread in threading.enumerate())
