# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When each host-task did what."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from ansible_svc.engine import probe as module
from ansible_svc.engine.probe import CONNECT, QUEUE, RECEIVE, RUN, SEND, TEMPLATE, Probe, Span
from ansible_svc.engine.running import Run


class Clock:
    """Be time.monotonic; the test says what it is."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=clock))
    return clock


def _result(host: str, task_id: str) -> Any:
    return SimpleNamespace(host=SimpleNamespace(name=host), task=SimpleNamespace(_uuid=task_id))


def test_a_span_begins_in_the_queue_and_ends_with_the_result(clock: Clock) -> None:
    probe = Probe()
    span = probe.begin("web", "t1")
    clock.now = 101.0
    run = Run(span)
    run.mark(TEMPLATE)
    clock.now = 102.0
    run.mark(CONNECT)
    clock.now = 103.0
    probe.end(_result("db", "t1"))
    assert span.ended is None
    probe.end(_result("web", "t1"))
    assert (span.host, span.task_id, span.ended) == ("web", "t1", 103.0)
    assert span.marks == [(QUEUE, 100.0), (TEMPLATE, 101.0), (CONNECT, 102.0)]
    assert probe.spans() == [span]


def test_a_task_that_runs_again_for_a_host_is_another_span(clock: Clock) -> None:
    probe = Probe()
    first = probe.begin("web", "t1")
    probe.end(_result("web", "t1"))
    clock.now = 105.0
    second = probe.begin("web", "t1")
    probe.end(_result("web", "t1"))
    assert [first.ended, second.ended] == [100.0, 105.0]


def test_a_result_of_what_was_never_begun_is_nothing() -> None:
    probe = Probe()
    probe.end(_result("web", "include"))
    assert probe.spans() == []


def test_the_wait_for_an_answer_is_divided_by_what_the_host_says(clock: Clock) -> None:
    span = Span("web", "t1")
    span.mark(SEND)
    clock.now = 110.0
    # 10 s in all, 3 to make ready and 5 to run: 1 s each way
    span.answered(100.0, [3.0, 5.0])
    assert span.marks[-3:] == [(SEND, 100.0), (RUN, 104.0), (RECEIVE, 109.0)]


@pytest.mark.parametrize("took", [None, [0.0, 99.0], [99.0, 0.0]], ids=str)
def test_phases_stay_in_order_whatever_the_host_says(clock: Clock, took: list[float] | None) -> None:
    span = Span("web", "t1")
    clock.now = 110.0
    span.answered(100.0, took)
    times = [at for _phase, at in span.marks]
    assert times == sorted(times)
    assert times[-1] == 110.0


def test_a_host_that_says_nothing_was_running_all_the_time(clock: Clock) -> None:
    span = Span("web", "t1")
    clock.now = 110.0
    span.answered(100.0, None)
    assert span.marks[-2:] == [(RUN, 100.0), (RECEIVE, 110.0)]


def test_a_run_without_a_probe_takes_no_time(clock: Clock) -> None:
    run = Run()
    run.mark(SEND)
    assert run.span is None
