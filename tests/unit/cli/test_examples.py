# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the output that docs/cli.md shows to what the command prints."""

from __future__ import annotations

import io
import re
from pathlib import Path
from typing import Any

from rich.console import Console

from ansible_svc.cli import _findings, cache

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text("utf-8")
DIRECTORY = "/home/ops/.cache/ansible_svc"


def _example(section: str) -> list[str]:
    """Return the lines of the first output that a section of the page shows."""
    text = re.split(r"^## ", PAGE, flags=re.MULTILINE)
    (found,) = (part for part in text if part.startswith(f"{section}\n"))
    return re.findall(r"^```\n(.*?)^```$", found, re.MULTILINE | re.DOTALL)[0].splitlines()


def _terminal() -> Console:
    return Console(file=io.StringIO(), width=128, highlight=False)


def _printed(terminal: Console) -> list[str]:
    assert isinstance(terminal.file, io.StringIO)
    return [line.rstrip() for line in terminal.file.getvalue().strip("\n").splitlines()]


def _seen(round_trip_s: float) -> dict[str, Any]:
    return {
        "status": "ok",
        "connection": "native",
        "round_trip_s": round_trip_s,
        "python": "/usr/bin/python3.11",
        "version": "3.11.2",
        "sudo": "without password",
        "cache": {"directory": DIRECTORY, "size_bytes": 540_000},
    }


def test_doctor() -> None:
    reasons = [
        ("forked", "action plugin pause is not known to be safe on threads", 3, ["pause"]),
        ("stock", "become plugin su is not one that svc takes over", 3, ["Restart as root"]),
    ]
    play = {
        "name": "Web servers",
        "strategy": "linear",
        "ours": False,
        "tasks": 5,
        "hosts": 3,
        "ways": {"native": 9, "forked": 3, "stock": 3},
        "reasons": [dict(zip(("way", "reason", "host_tasks", "tasks"), reason, strict=True)) for reason in reasons],
        "included": [],
    }
    report = {
        "versions": {},
        "settings": {},
        "plays": [play],
        "hosts": {"web01": _seen(0.0054), "web02": _seen(0.001)},
        "problems": [
            "the strategy is linear, so svc takes no part: set strategy = ansible_svc.svc.svc_linear in [defaults] of"
            " ansible.cfg"
        ],
    }
    terminal = _terminal()
    _findings.show(report, terminal)
    assert _printed(terminal) == _example("doctor")


def test_cache() -> None:
    terminal = _terminal()
    hosts = {
        "web01": {"status": "ok", "directory": DIRECTORY, "files": 61, "size_bytes": 1_104_200},
        "web02": {"status": "unreachable", "message": "Connection refused"},
    }
    cache._show(hosts, terminal, "show")
    assert _printed(terminal) == _example("cache")
