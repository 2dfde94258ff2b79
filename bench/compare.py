# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the same playbook under linear, mitogen_linear and svc_linear, by turns, and print what each costs.

    python -m bench.compare [--workload 20command] [--hosts 10] [--runs 3] [--json FILE] ...

pyinfra does the same work where it has an equal of the playbook. What Ansible printed, and the callback events of a
smaller run, are compared with those of linear: see bench/equality.py.

Stock Ansible runs with pipelining on. The hosts are addresses of this machine, so controller and targets share its
cores: read CPU seconds and ratios; wall time says how long somebody waits on a machine as small as this one. How each
figure comes about is told in bench/measure.py and bench/account.py.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.contenders import Contender, there
from bench.equality import event_differences, output_differences
from bench.measure import Run, Setting, announced
from bench.workloads import WORKLOADS
from tests.lab import LabError


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; return 1 when a run failed or results differ, else 0."""
    options = _parser().parse_args(arguments)
    document: dict[str, Any] = {"machine": _machine(), "workloads": []}
    good = True
    for name in options.workload or ["20command"]:
        setting = Setting(
            WORKLOADS[name], options.hosts, options.round_trip_ms / 1000, forks=options.forks, second=options.second
        )
        running = there(options.strategy, setting.workload.playbook)
        try:
            runs = _measure(running, setting, options)
            good = _report_failures(runs) and good
            _print_table(setting, runs)
            if options.check:
                good = _report_differences(output_differences(runs), event_differences(running, setting)) and good
        except LabError as exc:
            print(f"bench: {exc}", file=sys.stderr)
            return 1
        document["workloads"].append(
            {
                "workload": name,
                "hosts": setting.hosts,
                "round_trip_ms": options.round_trip_ms,
                "second": options.second,
                "runs": [_figures(run) for run in runs],
            }
        )
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if good else 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workload", action="append", choices=sorted(WORKLOADS), help="may be given again (20command)")
    parser.add_argument("--hosts", type=int, default=10, help="managed hosts (10)")
    parser.add_argument("--forks", type=int, default=0, help="hosts at once (as many as there are)")
    parser.add_argument("--runs", type=int, default=3, help="measured runs of each strategy (3)")
    parser.add_argument("--strategy", action="append", help="only this one; may be given again")
    parser.add_argument("--round-trip-ms", type=float, default=0.0, help="delay of the line to the hosts (0)")
    parser.add_argument("--second", action="store_true", help="measure a second run, on what a first one has left")
    parser.add_argument("--footprint", action="store_true", help="one more run each for memory, processes and wire")
    parser.add_argument("--no-check", dest="check", action="store_false", help="do not compare results with linear")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure of every run")
    return parser


def _measure(running: Sequence[Contender], setting: Setting, options: argparse.Namespace) -> list[Run]:
    runs = []
    for number in range(options.runs):
        # By turns, and each time another one begins: a machine that slows down meanwhile slows all alike.
        first = number % len(running)
        for contender in [*running[first:], *running[:first]]:
            runs.append(announced(contender, setting))
    if options.footprint:
        runs += [announced(contender, setting, footprint=True) for contender in running]
    return runs


def _report_failures(runs: Sequence[Run]) -> bool:
    failed = [run for run in runs if run.rc != 0]
    for run in failed:
        print(f"{run.strategy} ended with {run.rc}:\n{run.output[-3000:]}", file=sys.stderr)
    return not failed


def _report_differences(*compared: dict[str, list[str]]) -> bool:
    """Print how strategies differ from linear; return whether ours does not: what others do is theirs."""
    for found in compared:
        for strategy, lines in found.items():
            print(f"{strategy} differs from linear in {len(lines)} places:", *lines[:8], sep="\n", file=sys.stderr)
    return not any(strategy.startswith("svc") for found in compared for strategy in found)


def _print_table(setting: Setting, runs: Sequence[Run]) -> None:
    """Print medians of the runs that succeeded, how they relate to the first strategy, and the footprints."""
    measured: dict[str, list[Run]] = {}
    for run in runs:
        if run.footprint is None and run.rc == 0:
            measured.setdefault(run.strategy, []).append(run)
    which = ", second run" if setting.second else ""
    line = f"\n{setting.workload.name}{which}: {setting.hosts} hosts, {runs[0].tasks} host-tasks, medians of the runs"
    print(line + (f", round trip {setting.round_trip_s * 1000:g} ms" if setting.round_trip_s else ""))
    header = (
        "runs",
        "wall s",
        "min-max",
        "controller s",
        "ms/task",
        "targets s",
        "ms/task",
        "wall",
        "controller",
        "targets",
    )
    widths = (6, 8, 15, 13, 8, 10, 8, 9, 11, 9)
    print(f"{'strategy':<15}" + "".join(f"{text:>{width}}" for text, width in zip(header, widths, strict=True)))
    base: tuple[float, float, float] | None = None
    for strategy, group in measured.items():
        wall, controller, target = (
            statistics.median(getattr(run, name) for run in group) for name in ("wall_s", "controller_s", "target_s")
        )
        base = base or (wall, controller, target)
        spread = f"{min(run.wall_s for run in group):.2f}-{max(run.wall_s for run in group):.2f}"
        tasks = group[0].tasks
        cells = [
            str(len(group)),
            f"{wall:.2f}",
            spread,
            f"{controller:.2f}",
            f"{controller / tasks * 1000:.1f}",
            f"{target:.2f}",
        ]
        cells += [f"{target / tasks * 1000:.1f}"]
        cells += [f"{mine / first:.2f}x" for mine, first in zip((wall, controller, target), base, strict=True)]
        print(f"{strategy:<15}" + "".join(f"{text:>{width}}" for text, width in zip(cells, widths, strict=True)))
    for strategy in sorted({run.strategy for run in runs} - measured.keys()):
        print(f"{strategy:<15} every run failed")
    for run in runs:
        if run.footprint is not None and run.rc == 0:
            wire = run.footprint.wire
            print(
                f"{run.strategy:<15}  peak {run.footprint.peak_pss_bytes / 2**20:.0f} MB PSS in up to"
                f" {run.footprint.peak_processes} controller processes and {run.footprint.peak_clients} ssh clients;"
                f" {wire.to_server_bytes / 1000:,.0f} KB to the"
                f" hosts, {wire.to_client_bytes / 1000:,.0f} KB back, {wire.round_trips:,} round trips,"
                f" {wire.connections:,} connections"
            )


def _figures(run: Run) -> dict[str, Any]:
    return {key: value for key, value in asdict(run).items() if key not in ("output", "events")}


def _machine() -> dict[str, Any]:
    return {
        "cpus": os.cpu_count(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible_core": version("ansible-core"),
        "mitogen": version("mitogen"),
        "load_1min": os.getloadavg()[0],
    }


if __name__ == "__main__":
    sys.exit(main())
