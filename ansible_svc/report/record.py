# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is known of a run when it has ended. All times are seconds since the run began."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Segment:
    """A phase of a host-task (the phases are told in engine/probe.py)."""

    phase: str
    begin_s: float
    end_s: float

    @property
    def took_s(self) -> float:
        """How long it was."""
        return self.end_s - self.begin_s


@dataclass(frozen=True)
class HostTask:
    """One task for one host, loops and retries included.

    Attributes:
        host: the inventory's name.
        task: index into Record.tasks.
        way, reason: native, forked or stock, and why it was not native.
        status: ok, changed, failed, skipped or unreachable; "" when there was no result.
        segments: its phases, without gaps.
    """

    host: str
    task: int
    way: str
    reason: str
    status: str
    segments: tuple[Segment, ...]

    @property
    def begin_s(self) -> float:
        """When the strategy wanted to start it."""
        return self.segments[0].begin_s

    @property
    def end_s(self) -> float:
        """When the strategy had its result."""
        return self.segments[-1].end_s

    def busy(self) -> Iterator[Segment]:
        """Yield the phases in which something was done for it."""
        return (segment for segment in self.segments if segment.phase != "queue")

    @property
    def busy_s(self) -> float:
        """How long something was done for it."""
        return sum(segment.took_s for segment in self.busy())


@dataclass(frozen=True)
class Task:
    """A task or handler of a play; ``play`` is an index into Record.plays."""

    name: str
    action: str
    play: int
    begin_s: float


@dataclass(frozen=True)
class Play:
    """A play, or one batch of a play with ``serial``.

    Attributes:
        name: its name.
        strategy: its strategy, as named in the playbook or in ansible.cfg.
        ours: whether svc ran it. Of other plays only begin and end are known.
    """

    name: str
    strategy: str
    ours: bool
    begin_s: float
    end_s: float


@dataclass(frozen=True)
class Record:
    """A run.

    Attributes:
        started: when it began, in seconds since the epoch.
        wall_s: how long it took, from the playbook's first play to its statistics.
        host_tasks: in the order in which they were started; empty when no play was ours.
        statistics: engine Runtime.statistics(), None when no play was ours.
    """

    title: str
    started: float
    wall_s: float
    plays: tuple[Play, ...]
    tasks: tuple[Task, ...] = ()
    host_tasks: tuple[HostTask, ...] = ()
    statistics: dict[str, Any] | None = field(default=None)

    def foreign(self) -> list[Play]:
        """Return the plays that svc did not run."""
        return [play for play in self.plays if not play.ours]
