# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure a large file to many hosts: throughput, and the memory of the controller while it is sent.

    python -m bench.transfer [--size-mb 100] [--hosts 10] [--runs 3] [--strategy svc_linear] [--compress] [--json FILE]

For each strategy two playbooks are run by turns: one `command`, and the same with one `copy` of the file. Their
difference is the transfer. The content does not compress. ssh runs without -C, as svc does by itself, unless
--compress gives everybody ansible-core's default; a user's own -C is heeded by svc as well.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.contenders import Contender, there
from bench.measure import Run, Setting, difference, succeeded
from bench.workloads import Tasks
from tests.lab import LabError

_COMMAND: dict[str, Any] = {"ansible.builtin.command": "/bin/true", "changed_when": False}
_COPY: dict[str, Any] = {"ansible.builtin.copy": {"src": "large.bin", "dest": "{{ workdir }}/large.bin"}}
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Transfer(Tasks):
    """Hold the size of the file that is there for the tasks, 0 for none."""

    size_bytes: int = 0

    def write(self, directory: Path) -> tuple[Path, int]:
        """Write the playbook and the file into directory; return the playbook's path and its number of tasks."""
        with open("/dev/urandom", "rb") as source, open(directory / "large.bin", "wb") as target:
            for _ in range(0, self.size_bytes, _PIECE_BYTES):
                target.write(source.read(_PIECE_BYTES))
        return super().write(directory)


@dataclass(frozen=True)
class Figure:
    """Hold what the transfer to all hosts took of a strategy. peak_pss_bytes is of the whole run."""

    strategy: str
    wall_s: float
    controller_s: float
    target_s: float
    mb_per_s: float
    peak_pss_bytes: int
    idle_peak_pss_bytes: int


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; return 1 when a run failed, else 0."""
    options = _parser().parse_args(arguments)
    figures: list[Figure] = []
    for contender in there(options.strategy or ["svc_linear"]):
        try:
            figures.append(_measure(contender, options))
        except LabError as exc:
            print(f"bench: {exc}", file=sys.stderr)
            return 1
    _print_table(figures)
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size-mb", type=int, default=100, help="of the file (100)")
    parser.add_argument("--hosts", type=int, default=10, help="managed hosts, and forks (10)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each playbook; the medians count (3)")
    parser.add_argument("--strategy", action="append", help="may be given again (svc_linear)")
    parser.add_argument("--compress", action="store_true", help="let ssh compress for everybody")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    return parser


def _measure(contender: Contender, options: argparse.Namespace) -> Figure:
    workloads = {
        "without": Transfer("without the file", tasks=(_COMMAND,)),
        "with": Transfer("with the file", tasks=(_COMMAND, _COPY), size_bytes=options.size_mb << 20),
    }
    measured: dict[str, list[Run]] = {what: [] for what in workloads}
    peaks: dict[str, int] = {}
    for number in range(options.runs + 1):
        for what, workload in workloads.items():
            setting = Setting(workload, options.hosts, compression=options.compress)
            run = succeeded(contender, setting, footprint=number == options.runs)
            if run.footprint is None:
                measured[what].append(run)
            else:
                peaks[what] = run.footprint.peak_pss_bytes

    def of(figure: str) -> float:
        return difference(measured["with"], measured["without"], figure)

    sent_mb = workloads["with"].size_bytes * options.hosts / 1e6
    return Figure(
        contender.strategy,
        of("wall_s"),
        of("controller_s"),
        of("target_s"),
        sent_mb / of("wall_s"),
        peaks["with"],
        peaks["without"],
    )


def _print_table(figures: Sequence[Figure]) -> None:
    print("| strategy | wall s | MB/s to all hosts | controller s | targets s | peak PSS MB | without the file |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for figure in figures:
        print(
            f"| {figure.strategy} | {figure.wall_s:.1f} | {figure.mb_per_s:.0f} | {figure.controller_s:.1f}"
            f" | {figure.target_s:.1f} | {figure.peak_pss_bytes / 2**20:.0f}"
            f" | {figure.idle_peak_pss_bytes / 2**20:.0f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
