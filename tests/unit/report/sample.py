# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Records of runs that never were."""

from __future__ import annotations

import random
from typing import Any

from ansible_svc.report.record import HostTask, Play, Record, Segment, Task

STATISTICS: dict[str, Any] = {
    "tasks": {"native": 3, "forked": 1, "stock": 0, "reasons": {"it is pause": 1}},
    "modules": {"built": 2, "used": 3, "names": {}, "packs": 1, "pack_bytes": 9},
    "files": {"read": 1, "served": 2, "pushed": 2, "bytes_read": 5, "bytes_served": 0, "refused": 0},
    "contexts": {"attempts": 3, "connected": 2, "lost": 1, "closed": 4},
    "bytes_sent": 1_234_567,
    "round_trips": 4,
    "threads": 2,
}


def small() -> Record:
    """Return two tasks for two hosts; the second one was forked for web10 and failed there."""
    return Record(
        title="site.yml",
        started=1_800_000_000.0,
        wall_s=3.0,
        plays=(Play("Web servers", "svc_linear", True, 0.0, 3.0),),
        tasks=(Task("Ping </script>", "ping", 0, 0.0), Task("Pause", "pause", 0, 2.0)),
        host_tasks=(
            _host_task("web10", 0, ("queue", 0.0, 0.1), ("connect", 0.1, 1.0), ("run", 1.0, 1.5)),
            _host_task("web2", 0, ("queue", 0.0, 0.5), ("run", 0.5, 2.0)),
            _host_task("web2", 1, ("template", 2.0, 2.25), ("run", 2.25, 2.5), status="changed"),
            _host_task("web10", 1, ("template", 2.0, 3.0), way="forked", reason="it is pause", status="failed"),
        ),
        statistics=STATISTICS,
    )


def large(hosts: int, tasks: int) -> Record:
    """Return a run as svc_linear makes it; the same at each call."""
    draw = random.Random(hosts * tasks)
    at = 0.0
    announced, host_tasks = [], []
    for task in range(tasks):
        announced.append(Task(f"Task {task:03d}", "command", 0, at))
        ends = []
        for number in range(hosts):
            begin = at + number * 0.002
            phases = [("queue", draw.uniform(0.001, 0.02)), ("template", draw.uniform(0.002, 0.01))]
            if task == 0:
                phases.append(("connect", draw.uniform(0.2, 0.6)))
            phases += [("send", draw.uniform(0.002, 0.02)), ("run", draw.expovariate(20)), ("receive", 0.004)]
            segments = []
            for phase, took in phases:
                segments.append((phase, begin, begin + took))
                begin += took
            status = "failed" if draw.random() < 0.01 else "ok"
            host_tasks.append(_host_task(f"host{number + 1:02d}", task, *segments, status=status))
            ends.append(begin)
        at = max(ends) + 0.003
    return Record("large.yml", 1_800_000_000.0, at, (Play("All", "svc_linear", True, 0.0, at),), tuple(announced),
                  tuple(host_tasks), STATISTICS)  # fmt: skip


def _host_task(
    host: str, task: int, *segments: tuple[str, float, float], way: str = "native", reason: str = "", status: str = "ok"
) -> HostTask:
    return HostTask(host, task, way, reason, status, tuple(Segment(*segment) for segment in segments))
