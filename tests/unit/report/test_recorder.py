# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""From what callbacks are told, and from spans, to a record."""

from __future__ import annotations

import itertools
from types import SimpleNamespace

import pytest

from ansible_svc.engine.probe import Span
from ansible_svc.report import recorder as module
from ansible_svc.report.record import Segment
from ansible_svc.report.recorder import Recorder, segments_of


class Clock:
    """Be the clock; the test says what time it is."""

    now = 50.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: clock.now, time=lambda: 1.5e9))
    return clock


def _span(host: str, task_id: str, marks: list[tuple[str, float]], ended: float | None, way: str = "native") -> Span:
    span = Span(host, task_id)
    span.marks = marks
    span.ended = ended
    span.way = way
    return span


def test_a_record_has_what_callbacks_were_told(clock: Clock) -> None:
    recorder = Recorder("ansible-playbook")
    recorder.named("site.yml")
    recorder.play_started("First", "svc_linear", True)
    recorder.task_started("t1", "Ping", "ping")
    recorder.task_started("t1", "Ping", "ping")
    recorder.ended("web", "t1", "changed")
    clock.now = 52.0
    recorder.play_started("Second", "linear", False)
    clock.now = 53.0
    record = recorder.finish([_span("web", "t1", [("queue", 50.0), ("run", 50.5)], 51.0)], {"round_trips": 1})

    assert (record.title, record.started, record.wall_s) == ("site.yml", 1.5e9, 3.0)
    assert [(play.name, play.ours, play.begin_s, play.end_s) for play in record.plays] == [
        ("First", True, 0.0, 2.0),
        ("Second", False, 2.0, 3.0),
    ]
    assert [(task.name, task.action, task.play) for task in record.tasks] == [("Ping", "ping", 0)]
    (host_task,) = record.host_tasks
    assert (host_task.host, host_task.task, host_task.way, host_task.status) == ("web", 0, "native", "changed")
    assert host_task.segments == (Segment("queue", 0.0, 0.5), Segment("run", 0.5, 1.0))
    assert (host_task.begin_s, host_task.end_s, host_task.busy_s) == (0.0, 1.0, 0.5)
    assert [play.name for play in record.foreign()] == ["Second"]


def test_batches_of_a_play_have_tasks_of_their_own(clock: Clock) -> None:
    recorder = Recorder("")
    spans = []
    for host, status in (("web1", "ok"), ("web2", "failed")):
        recorder.play_started("Rolling", "svc_linear", True)
        recorder.task_started("t1", "Ping", "ping")
        spans.append(_span(host, "t1", [("queue", clock.now)], clock.now + 0.5))
        recorder.ended(host, "t1", status)
        clock.now += 1
    record = recorder.finish(spans, {})
    assert [(task.name, task.play) for task in record.tasks] == [("Ping", 0), ("Ping", 1)]
    assert [(found.task, found.status) for found in record.host_tasks] == [(0, "ok"), (1, "failed")]


def test_what_has_no_result_yet_takes_none_from_what_has(clock: Clock) -> None:
    recorder = Recorder("")
    recorder.play_started("Play", "svc_linear", True)
    recorder.task_started("t1", "Ping", "ping")
    recorder.ended("web", "t1", "ok")
    spans = [_span("web", "t1", [("queue", 50.0), ("run", 51.0)], None), _span("web", "t1", [("queue", 52.0)], 53.0)]
    record = recorder.finish(spans, {})
    assert [found.status for found in record.host_tasks] == ["", "ok"]
    assert record.host_tasks[0].end_s == 1.0


def test_a_task_that_nobody_announced_has_a_name(clock: Clock) -> None:
    recorder = Recorder("")
    recorder.play_started("Play", "svc_linear", True)
    record = recorder.finish([_span("web", "meta", [("queue", 50.0)], 51.0)], {})
    assert record.tasks[record.host_tasks[0].task].name == "(not announced)"


def test_segments_leave_no_gap_and_no_crumb() -> None:
    marks = [
        ("queue", 10.0),
        ("template", 10.5),
        ("connect", 10.6),  # connected already: over at once
        ("send", 10.60001),
        ("send", 10.7),
        ("run", 10.8),
        ("receive", 10.9),
    ]
    found = segments_of(_span("web", "t1", marks, 11.0), 10.0)
    assert [(segment.phase, round(segment.begin_s, 6), round(segment.end_s, 6)) for segment in found] == [
        ("queue", 0.0, 0.5),
        ("template", 0.5, 0.60001),
        ("send", 0.60001, 0.8),
        ("run", 0.8, 0.9),
        ("receive", 0.9, 1.0),
    ]


def test_marks_out_of_order_make_no_negative_phase() -> None:
    # A forked worker's marks come from two threads.
    found = segments_of(_span("web", "t1", [("queue", 10.0), ("run", 12.0), ("receive", 11.0)], 11.5), 10.0)
    assert all(segment.took_s >= 0 for segment in found)
    assert all(left.end_s == right.begin_s for left, right in itertools.pairwise(found))
