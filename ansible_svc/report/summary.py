# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What stands out in a run: computed once, for the table and for the page."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from ansible_svc.engine.probe import PHASES
from ansible_svc.report.record import HostTask, Record


@dataclass(frozen=True)
class TaskCost:
    """A task for all of its hosts.

    Attributes:
        task: index into Record.tasks.
        hosts: how many hosts it ran for.
        wall_s: from its first host's begin to its last host's end.
        slowest_host, slowest_s: who took longest, and how long, waiting for a fork not counted.
    """

    task: int
    hosts: int
    wall_s: float
    slowest_host: str
    slowest_s: float


@dataclass(frozen=True)
class HostCost:
    """A host's share: phase -> seconds, of all its tasks."""

    host: str
    tasks: int
    phases: dict[str, float]

    @property
    def busy_s(self) -> float:
        """How long something was done for it."""
        return sum(seconds for phase, seconds in self.phases.items() if phase != "queue")


@dataclass(frozen=True)
class Summary:
    """What stands out; tasks and hosts come slowest first.

    Attributes:
        phases: phase -> seconds, of all hosts.
        reasons: (way, why) -> host-tasks that were not native.
    """

    phases: dict[str, float]
    tasks: tuple[TaskCost, ...]
    hosts: tuple[HostCost, ...]
    reasons: dict[tuple[str, str], int]


def summarise(record: Record) -> Summary:
    """Return what stands out in a run."""
    by_task: dict[int, list[HostTask]] = defaultdict(list)
    by_host: dict[str, list[HostTask]] = defaultdict(list)
    reasons: dict[tuple[str, str], int] = defaultdict(int)
    for host_task in record.host_tasks:
        by_task[host_task.task].append(host_task)
        by_host[host_task.host].append(host_task)
        if host_task.reason:
            reasons[host_task.way, host_task.reason] += 1
    tasks = [_task_cost(task, host_tasks) for task, host_tasks in by_task.items()]
    hosts = [HostCost(host, len(host_tasks), _phases(host_tasks)) for host, host_tasks in by_host.items()]
    return Summary(
        phases=_phases(record.host_tasks),
        tasks=tuple(sorted(tasks, key=lambda cost: -cost.wall_s)),
        hosts=tuple(sorted(hosts, key=lambda cost: -cost.busy_s)),
        reasons=dict(reasons),
    )


def _task_cost(task: int, host_tasks: list[HostTask]) -> TaskCost:
    slowest = max(host_tasks, key=lambda host_task: host_task.busy_s)
    return TaskCost(
        task=task,
        hosts=len({host_task.host for host_task in host_tasks}),
        wall_s=max(host_task.end_s for host_task in host_tasks) - min(host_task.begin_s for host_task in host_tasks),
        slowest_host=slowest.host,
        slowest_s=slowest.busy_s,
    )


def _phases(host_tasks: list[HostTask] | tuple[HostTask, ...]) -> dict[str, float]:
    phases = dict.fromkeys(PHASES, 0.0)
    for host_task in host_tasks:
        for segment in host_task.segments:
            phases[segment.phase] += segment.took_s
    return phases
