# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Print what doctor found."""

from __future__ import annotations

from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from ansible_svc.report.table import size

_HOST_COLUMNS = ("host", "connection", "round trip", "Python", "sudo", "cache")


def show(report: dict[str, Any], terminal: Console) -> None:
    """Print a report of ``examine``."""
    _installed(report, terminal)
    for play in report["plays"]:
        _play(play, terminal)
    if report["hosts"]:
        _hosts(report["hosts"], terminal)
    terminal.print()
    for problem in report["problems"]:
        terminal.print(f"[bold red]problem[/]  {escape(problem)}")
    if not report["problems"]:
        terminal.print("[bold green]Nothing stands in the way.[/]")


def _installed(report: dict[str, Any], terminal: Console) -> None:
    table = Table.grid(padding=(0, 2))
    for name, version in report["versions"].items():
        table.add_row(name, escape(version))
    for name, setting in report["settings"].items():
        if isinstance(setting, dict):
            value = setting["value"]
            shown = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
            table.add_row(name, escape(shown), escape(f"({setting['origin']})"))
        else:
            table.add_row(name, escape(str(setting)))
    terminal.print(table)


def _play(play: dict[str, Any], terminal: Console) -> None:
    under = play["strategy"] if play["ours"] else f"{play['strategy']}; under svc_linear it would be"
    terminal.print(f"\n[bold]{escape(play['name'])}[/]  {play['tasks']} tasks, {play['hosts']} hosts, {escape(under)}")
    ways = ", ".join(f"{count} {way}" for way, count in play["ways"].items())
    terminal.print(f"  {ways}")
    for reason in play["reasons"]:
        tasks = ", ".join(reason["tasks"])
        terminal.print(f"  {reason['host_tasks']} {reason['way']}: {escape(reason['reason'])} ({escape(tasks)})")
    if play["included"]:
        names = ", ".join(play["included"])
        terminal.print(f"  not looked into, because it is included while the play runs: {escape(names)}")


def _hosts(hosts: dict[str, dict[str, Any]], terminal: Console) -> None:
    table = Table(box=box.SIMPLE_HEAD)
    for column in _HOST_COLUMNS:
        table.add_column(column)
    for host, seen in hosts.items():
        if seen["status"] != "ok":
            table.add_row(escape(host), f"[red]{seen['status']}[/]")
            continue
        python = f"{seen['version']} ({seen['python']})" if "python" in seen else ""
        milliseconds = f"{seen['round_trip_s'] * 1000:.1f} ms"
        cells = (host, seen["connection"], milliseconds, python, seen.get("sudo", ""), _cache(seen.get("cache")))
        table.add_row(*map(escape, cells))
    terminal.print(table)


def _cache(cache: dict[str, Any] | None) -> str:
    if cache is None:
        return ""
    if cache["directory"] is None:
        return "none is in use"
    return f"{size(cache['size_bytes'])} in {cache['directory']}"
