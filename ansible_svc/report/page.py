# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The page with the timeline: page.html with page.css, page.js and the record put into it.

The page loads nothing: its Content-Security-Policy allows the one style and the one script by their digests and forbids
everything else, so that a task's name can do no harm either. Times in the data are in units of 0.1 ms, and a bar is one
flat list of numbers: a run of 50 hosts and 200 tasks is below a megabyte.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any

from ansible_svc.engine.probe import PHASES
from ansible_svc.report.record import HostTask, Record
from ansible_svc.report.summary import Summary
from ansible_svc.report.table import table

#: Units of time per second in the page's data.
UNITS = 10_000
WAYS = ("native", "forked", "stock")
STATUSES = ("", "ok", "changed", "failed", "skipped", "unreachable")


def page(record: Record, summary: Summary) -> str:
    """Return the page."""
    parts = resources.files("ansible_svc.report")
    style = (parts / "page.css").read_text(encoding="utf-8")
    script = (parts / "page.js").read_text(encoding="utf-8")
    data = json.dumps(document(record, summary), separators=(",", ":"), ensure_ascii=False)
    filled = (parts / "page.html").read_text(encoding="utf-8")
    for mark, text in (
        ("@@TITLE@@", html.escape(record.title)),
        ("@@POLICY@@", f"style-src {_source(style)}; script-src {_source(script)}"),
        ("@@TABLE@@", html.escape("\n".join(table(record, summary)))),
        ("@@STYLE@@", style),
        ("@@SCRIPT@@", script),
        # Last, because it may hold any text. "<" could end the element that holds it (HTML, "script data" state).
        ("@@DATA@@", data.replace("<", "\\u003c")),
    ):
        filled = filled.replace(mark, text)
    return filled


def document(record: Record, summary: Summary) -> dict[str, Any]:
    """Return the page's data.

    ``bars`` has, for every host in ``hosts``, its host-tasks in order, each as [task, way, reason, status, begin, and
    then phase and duration by turns]; all but the times are indices.
    """
    hosts = {host: index for index, host in enumerate(sorted({bar.host for bar in record.host_tasks}, key=_natural))}
    reasons = list(dict.fromkeys(bar.reason for bar in record.host_tasks))
    bars: list[list[list[int]]] = [[] for _ in hosts]
    for host_task in sorted(record.host_tasks, key=lambda bar: bar.begin_s):
        bars[hosts[host_task.host]].append(_bar(host_task, reasons))
    return {
        "title": record.title,
        "started": record.started,
        "units": UNITS,
        "wall": round(record.wall_s * UNITS),
        "phases": PHASES,
        "ways": WAYS,
        "statuses": STATUSES,
        "reasons": reasons,
        "plays": [
            [play.name, play.strategy, int(play.ours), round(play.begin_s * UNITS), round(play.end_s * UNITS)]
            for play in record.plays
        ],
        "tasks": [[task.name, task.action, task.play] for task in record.tasks],
        "hosts": list(hosts),
        "bars": bars,
        "slowest": [
            [cost.task, cost.hosts, round(cost.wall_s * UNITS), cost.slowest_host, round(cost.slowest_s * UNITS)]
            for cost in summary.tasks
        ],
    }


def _bar(host_task: HostTask, reasons: list[str]) -> list[int]:
    begin = round(host_task.begin_s * UNITS)
    bar = [
        host_task.task,
        WAYS.index(host_task.way) if host_task.way in WAYS else 0,
        reasons.index(host_task.reason),
        STATUSES.index(host_task.status) if host_task.status in STATUSES else 0,
        begin,
    ]
    at = begin
    for segment in host_task.segments:
        # Ends are rounded, not durations: a hundred roundings must not add up.
        end = max(at, round(segment.end_s * UNITS))
        bar += [PHASES.index(segment.phase), end - at]
        at = end
    return bar


def _natural(name: str) -> list[str | int]:
    """Return what sorts web2 before web10: text and numbers by turns."""
    return [int(part) if index % 2 else part for index, part in enumerate(re.split(r"(\d+)", name))]


def _source(text: str) -> str:
    """Return how a Content-Security-Policy names an inline element with this text (CSP level 3, hash-source)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
