# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put a Record together while a playbook runs."""

from __future__ import annotations

import bisect
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ansible_svc.report.record import HostTask, Play, Record, Segment, Task

if TYPE_CHECKING:
    from ansible_svc.engine.probe import Span

# A phase that was over at once: nobody would see it, and every one costs room in trace and page.
_SHORTEST_S = 0.00005


class Recorder:
    """Collects what callbacks are told.

    Parameters:
        title: what ran.

    Threads: the main thread, on which ansible-core calls callbacks.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._started = time.time()
        self._zero = time.monotonic()
        self._plays: list[Play] = []
        self._tasks: list[Task] = []
        self._task_index: dict[tuple[int, str], int] = {}
        self._results: dict[tuple[str, str], list[str]] = defaultdict(list)

    def named(self, title: str) -> None:
        """Say what runs."""
        self._title = title

    def play_started(self, name: str, strategy: str, ours: bool) -> None:
        """Note that a play, or a batch of one, begins; the one before has ended."""
        now = self._now()
        self._end_play(now)
        self._plays.append(Play(name, strategy, ours, now, now))

    def task_started(self, task_id: str, name: str, action: str) -> None:
        """Note a task's name; a task that is announced again (the free strategy does, for each host) is known."""
        key = (len(self._plays) - 1, task_id)
        if key not in self._task_index:
            self._task_index[key] = len(self._tasks)
            self._tasks.append(Task(name, action, key[0], self._now()))

    def ended(self, host: str, task_id: str, status: str) -> None:
        """Note how a host-task ended."""
        self._results[host, task_id].append(status)

    def finish(self, spans: Iterable[Span] = (), statistics: dict[str, Any] | None = None) -> Record:
        """Return the record of what was noted.

        Parameters:
            spans: the probe's.
            statistics: the Runtime's.
        """
        now = self._now()
        self._end_play(now)
        begins = [play.begin_s for play in self._plays]
        results = {key: iter(statuses) for key, statuses in self._results.items()}
        host_tasks = []
        for span in spans:
            segments = segments_of(span, self._zero)
            play = max(0, bisect.bisect_right(begins, segments[0].begin_s) - 1)
            host_tasks.append(
                HostTask(
                    host=span.host,
                    task=self._index(play, span.task_id, segments[0].begin_s),
                    way=span.way,
                    reason=span.reason,
                    status=next(results.get((span.host, span.task_id), iter(())), "") if span.ended else "",
                    segments=segments,
                )
            )
        return Record(
            title=self._title,
            started=self._started,
            wall_s=now,
            plays=tuple(self._plays),
            tasks=tuple(self._tasks),
            host_tasks=tuple(host_tasks),
            statistics=statistics,
        )

    def _now(self) -> float:
        return time.monotonic() - self._zero

    def _end_play(self, now: float) -> None:
        if self._plays and self._plays[-1].end_s == self._plays[-1].begin_s:
            self._plays[-1] = replace(self._plays[-1], end_s=now)

    def _index(self, play: int, task_id: str, begin_s: float) -> int:
        """Return a task's index; one that no callback was told of (ansible-core keeps some to itself) gets a name."""
        key = (play, task_id)
        if key not in self._task_index:
            self._task_index[key] = len(self._tasks)
            self._tasks.append(Task("(not announced)", "", play, begin_s))
        return self._task_index[key]


def segments_of(span: Span, zero: float) -> tuple[Segment, ...]:
    """Return the phases of a span without gaps; neighbours of the same phase are one, and very short ones are left out.

    Parameters:
        span: one that has a mark at least; a span that has not ended ends with its last mark.
        zero: the time.monotonic() that the result counts from.
    """
    marks = span.marks
    ended = span.ended if span.ended is not None else marks[-1][1]
    found: list[Segment] = []
    for index, (phase, at) in enumerate(marks):
        until = max(at, marks[index + 1][1]) if index + 1 < len(marks) else max(at, ended)
        begin = found[-1].end_s if found else at - zero
        end = max(begin, until - zero)
        if found and (found[-1].phase == phase or end - begin < _SHORTEST_S):
            found[-1] = replace(found[-1], end_s=end)
        else:
            found.append(Segment(phase, begin, end))
    return tuple(found)
