# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The short table at the end of a run: plain text, so that it goes wherever ansible-core's own output goes."""

from __future__ import annotations

from collections.abc import Iterator

from ansible_svc.report.record import Record
from ansible_svc.report.summary import Summary

_SLOWEST = 5
_NAME_WIDTH = 44


def table(record: Record, summary: Summary) -> list[str]:
    """Return the table, line by line."""
    return list(_lines(record, summary))


def _lines(record: Record, summary: Summary) -> Iterator[str]:
    statistics = record.statistics
    if statistics is not None:
        tasks = statistics["tasks"]
        ways = [(way, tasks[way]) for way in ("native", "forked", "stock")]
        started = {host_task.task for host_task in record.host_tasks}
        yield _row("run", f"{record.wall_s:.2f} s", f"{len(started)} tasks, {sum(n for _, n in ways)} host-tasks")
        yield _row("ran", ", ".join(f"{count} {way}" for way, count in ways))
        for (way, reason), count in sorted(summary.reasons.items(), key=lambda item: -item[1]):
            yield f"{'':<12}{count} {way}: {reason}"
        yield _row("connections", f"{statistics['contexts']['connected']}", _attempts(statistics["contexts"]))
        yield _row("round trips", f"{statistics['round_trips']}", f"{size(statistics['bytes_sent'])} sent")
        modules, files = statistics["modules"], statistics["files"]
        yield _row("modules", f"{modules['built']} built", f"shared by {modules['used']} runs")
        yield _row("files", f"{files['read']} read", f"delivered {files['served']} times")
        whole = sum(summary.phases.values()) or 1.0
        shares = [f"{phase} {seconds / whole:.0%}" for phase, seconds in summary.phases.items()]
        yield _row("phases", ", ".join(shares), "of the time of all host-tasks")
        yield from _slowest(record, summary)
    foreign = record.foreign()
    if foreign:
        yield "Of plays under a strategy that is not svc's, only the times of the plays are known:"
        for play in foreign:
            yield f"{'':<12}{_cut(play.name)}{play.end_s - play.begin_s:>9.2f} s  {play.strategy}"


def _slowest(record: Record, summary: Summary) -> Iterator[str]:
    yield f"slowest tasks {'':<42}{'all hosts':>11}{'slowest host':>16}"
    for task in summary.tasks[:_SLOWEST]:
        name = record.tasks[task.task].name
        yield f"{'':<12}{_cut(name)}{task.wall_s:>9.2f} s{task.slowest_s:>14.2f} s  {task.slowest_host}"
    yield f"slowest hosts {'':<42}{'busy':>11}{'of it run':>16}"
    for host in summary.hosts[:_SLOWEST]:
        yield f"{'':<12}{_cut(host.host)}{host.busy_s:>9.2f} s{host.phases['run']:>14.2f} s  {host.tasks} tasks"


def _row(title: str, *cells: str) -> str:
    return f"{title:<12}" + "   ".join(cells)


def _cut(name: str) -> str:
    name = " ".join(name.split())
    return f"{name if len(name) <= _NAME_WIDTH else name[: _NAME_WIDTH - 1] + '…':<{_NAME_WIDTH}}"


def _attempts(contexts: dict[str, int]) -> str:
    ended = "".join(f", {contexts[why]} {why}" for why in ("lost", "closed") if contexts[why])
    return f"{contexts['attempts']} attempts{ended}"


def size(count: int) -> str:
    """Return a number of bytes as people read it (1 KB are 1000)."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("KB", 10**3)):
        if count >= factor:
            return f"{count / factor:.1f} {unit}"
    return f"{count} bytes"
