# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A run in Chrome's trace-event format, which https://ui.perfetto.dev and chrome://tracing open.

The format is that of the document "Trace Event Format": a JSON object with ``traceEvents``. Used are complete events
("X": ``ts`` and ``dur`` in microseconds) and metadata ("M"). The process "playbook" has a track for plays and one for
tasks; the process "hosts" has a track for every host, with its host-tasks and, nested in them, their phases.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ansible_svc.report.record import HostTask, Record

_PLAYBOOK, _HOSTS = 1, 2
# Tracks are numbered from here: one with the number of its process would be taken for its main thread, and come first.
_FIRST = 101
_PLAYS, _TASKS = _FIRST, _FIRST + 1


def trace(record: Record) -> dict[str, Any]:
    """Return the trace, to be written as JSON."""
    return {
        "traceEvents": [*_names(record), *_playbook(record), *_host_tasks(record)],
        "displayTimeUnit": "ms",
        "otherData": {"title": record.title, "started": record.started},
    }


def _hosts(record: Record) -> dict[str, int]:
    """Return the hosts' track numbers; they come in the order in which they began."""
    return {host: number for number, host in enumerate(dict.fromkeys(task.host for task in record.host_tasks), _FIRST)}


def _names(record: Record) -> Iterator[dict[str, Any]]:
    yield _metadata("process_name", _PLAYBOOK, 0, name="playbook")
    yield _metadata("thread_name", _PLAYBOOK, _PLAYS, name="plays")
    yield _metadata("thread_name", _PLAYBOOK, _TASKS, name="tasks")
    yield _metadata("process_name", _HOSTS, 0, name="hosts")
    for host, number in _hosts(record).items():
        yield _metadata("thread_name", _HOSTS, number, name=host)
        yield _metadata("thread_sort_index", _HOSTS, number, sort_index=number)


def _playbook(record: Record) -> Iterator[dict[str, Any]]:
    for play in record.plays:
        yield _complete(
            play.name, "play", _PLAYBOOK, _PLAYS, play.begin_s, play.end_s, strategy=play.strategy, svc=play.ours
        )
    for index, task in enumerate(record.tasks):
        following = record.tasks[index + 1] if index + 1 < len(record.tasks) else None
        end_s = record.plays[task.play].end_s
        if following is not None and following.play == task.play:
            end_s = following.begin_s
        yield _complete(
            task.name, "task", _PLAYBOOK, _TASKS, task.begin_s, max(task.begin_s, end_s), action=task.action
        )


def _host_tasks(record: Record) -> Iterator[dict[str, Any]]:
    hosts = _hosts(record)
    for host_task in record.host_tasks:
        track = hosts[host_task.host]
        task = record.tasks[host_task.task]
        yield _complete(
            task.name,
            "host-task",
            _HOSTS,
            track,
            host_task.begin_s,
            host_task.end_s,
            action=task.action,
            play=record.plays[task.play].name,
            **_outcome(host_task),
        )
        for segment in host_task.segments:
            yield _complete(segment.phase, "phase", _HOSTS, track, segment.begin_s, segment.end_s)


def _outcome(host_task: HostTask) -> dict[str, str]:
    found = {"status": host_task.status, "way": host_task.way, "reason": host_task.reason}
    return {key: value for key, value in found.items() if value}


def _complete(
    name: str, category: str, process: int, track: int, begin_s: float, end_s: float, /, **args: Any
) -> dict[str, Any]:
    # Both ends are rounded, not the duration, so that what was nested stays nested.
    begin, end = round(begin_s * 1e6), round(end_s * 1e6)
    return {
        "name": name,
        "cat": category,
        "ph": "X",
        "ts": begin,
        "dur": end - begin,
        "pid": process,
        "tid": track,
        "args": args,
    }


def _metadata(name: str, process: int, track: int, /, **args: Any) -> dict[str, Any]:
    return {"name": name, "ph": "M", "ts": 0, "pid": process, "tid": track, "args": args}
