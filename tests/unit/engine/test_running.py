# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Cancelling a run, and limiting it."""

from __future__ import annotations

import threading
import time

import pytest

from ansible_svc.engine.running import BrokenOff, Run, current_run, running
from ansible_svc.errors import CancelledError, RemoteError
from tests.unit.engine.conftest import FakeCall


class OutOfTime(BaseException):
    """What a test limits its runs with."""


def test_a_result() -> None:
    run, call = Run(), FakeCall()
    call.answer(7)
    assert run.wait(call) == 7  # type: ignore[arg-type]
    assert (call.cancelled, call.waits) == (0, [None])


def test_cancel_before_the_call() -> None:
    run, call = Run(), FakeCall()
    run.cancel()
    with pytest.raises(CancelledError):
        run.wait(call)  # type: ignore[arg-type]
    assert call.cancelled == 1


def test_cancel_during_the_call() -> None:
    run, call = Run(), FakeCall()
    with run.waiting_for(call):  # type: ignore[arg-type]
        assert call.cancelled == 0
        run.cancel()
        assert call.cancelled == 1
        with pytest.raises(CancelledError):
            call.result()


def test_cancel_after_the_call_reaches_the_next_one_only() -> None:
    run, first, second = Run(), FakeCall(), FakeCall()
    first.answer(1)
    assert run.wait(first) == 1  # type: ignore[arg-type]
    run.cancel()
    assert first.cancelled == 0
    with pytest.raises(CancelledError):
        run.wait(second)  # type: ignore[arg-type]
    assert (first.cancelled, second.cancelled) == (0, 1)


def test_cancel_twice() -> None:
    run = Run()
    run.cancel()
    run.cancel()
    with pytest.raises(CancelledError, match="the run of this task was cancelled"):
        run.check()


def test_a_run_that_nobody_cancelled_passes_the_check() -> None:
    Run().check()
    Run().end_if_cancelled()


def test_a_cancelled_run_ends_with_what_no_plugin_catches() -> None:
    run = Run()
    run.cancel()
    with pytest.raises(BrokenOff):
        run.end_if_cancelled()
    assert not issubclass(BrokenOff, Exception)


def test_a_call_that_failed_is_not_cancelled_later() -> None:
    run, call = Run(), FakeCall()
    call.fail(RemoteError("why"))
    with pytest.raises(RemoteError, match="why"):
        run.wait(call)  # type: ignore[arg-type]
    run.cancel()
    assert call.cancelled == 0


# -- limits


def test_a_limit_that_passes_cancels_the_call() -> None:
    run, call = Run(), FakeCall()
    with run.limit(5, OutOfTime), pytest.raises(OutOfTime):
        run.wait(call)  # type: ignore[arg-type]
    assert call.cancelled == 1


def test_an_answer_in_time() -> None:
    run, call = Run(), FakeCall()
    call.answer("good")
    with run.limit(5, OutOfTime):
        assert run.wait(call) == "good"  # type: ignore[arg-type]
    assert call.cancelled == 0
    [wait] = call.waits
    assert wait is not None
    assert 0 < wait <= 5


def test_a_limit_counts_from_its_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    run = Run()
    calls = [FakeCall() for _ in range(3)]
    for call in calls:
        call.answer(1)
    with run.limit(5, OutOfTime):
        for call in calls:
            run.wait(call)  # type: ignore[arg-type]
            now[0] += 3
    assert [call.waits for call in calls] == [[5.0], [2.0], [0.0]]


def test_there_is_no_limit_after_the_block() -> None:
    run, call = Run(), FakeCall()
    with pytest.raises(ZeroDivisionError), run.limit(5, OutOfTime):
        raise ZeroDivisionError
    call.answer(1)
    run.wait(call)  # type: ignore[arg-type]
    assert call.waits == [None]


# -- which run is a thread's


def test_running_is_undone_at_the_end() -> None:
    outside = current_run()
    outer, inner = Run(), Run()
    with running(outer):
        with running(inner) as given:
            assert given is inner
            assert current_run() is inner
        assert current_run() is outer
        with pytest.raises(ZeroDivisionError), running(inner):
            raise ZeroDivisionError
        assert current_run() is outer
    assert current_run() is outside


def test_each_thread_has_its_own() -> None:
    seen: list[Run] = []
    with running(Run()) as ours:
        thread = threading.Thread(target=lambda: seen.extend([current_run(), current_run()]))
        thread.start()
        thread.join()
    assert seen[0] is seen[1]
    assert seen[0] is not ours
