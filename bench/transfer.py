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
import statistics
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.contenders import Contender, contenders
from bench.measure import Run, Setting, measure
from bench.workloads import Workload
from tests.lab import LabError

_COMMAND: dict[str, Any] = {"ansible.builtin.command": "/bin/true", "changed_when": False}
_COPY: dict[str, Any] = {"ansible.builtin.copy": {"src": "large.bin", "dest": "{{ workdir }}/large.bin"}}
_PIECE_BYTES = 1 << 20


@dataclass(frozen=True)
class Transfer(Workload):
    """Hold the size of the file, 0 for none, and whether ssh compresses; playbook and repeat are of no use here."""

    size_bytes: int = 0
    compress: bool = False

    def write(self, directory: Path) -> tuple[Path, int]:
        """Write the playbook and the file into directory; return the playbook's path and its number of tasks."""
        tasks = [_COMMAND, _COPY] if self.size_bytes else [_COMMAND]
        if not self.compress:
            _without_compression(directory)
        with open("/dev/urandom", "rb") as source, open(directory / "large.bin", "wb") as target:
            for _ in range(0, self.size_bytes, _PIECE_BYTES):
                target.write(source.read(_PIECE_BYTES))
        path = directory / "bench.yml"
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))
        return path, len(tasks)


def _without_compression(directory: Path) -> None:
    """Take -C out of the configuration that the lab has written for this run."""
    for cfg in directory.glob("ansible-*.cfg"):
        cfg.write_text(cfg.read_text().replace("ssh_args = -C ", "ssh_args = "))


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
    for contender in contenders():
        if contender.strategy not in (options.strategy or ["svc_linear"]):
            continue
        if contender.missing:
            print(f"{contender.strategy} is left out: {contender.missing}", file=sys.stderr)
            continue
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
    sizes = {"without": 0, "with": options.size_mb << 20}
    measured: dict[str, list[Run]] = {what: [] for what in sizes}
    peaks: dict[str, int] = {}
    for number in range(options.runs + 1):
        for what, size in sizes.items():
            setting = Setting(Transfer(what, "", 1, size, options.compress), options.hosts)
            run = measure(contender, setting, footprint=number == options.runs)
            print(
                f"{contender.strategy} {what}: wall {run.wall_s:.2f} s, controller {run.controller_s:.2f} s,"
                f" targets {run.target_s:.2f} s",
                file=sys.stderr,
                flush=True,
            )
            if run.rc != 0:
                raise LabError(f"{contender.strategy} ended with {run.rc}:\n{run.output[-2000:]}")
            if run.footprint is None:
                measured[what].append(run)
            else:
                peaks[what] = run.footprint.peak_pss_bytes

    def of(figure: str) -> float:
        most, least = (
            statistics.median(getattr(run, figure) for run in measured[what]) for what in ("with", "without")
        )
        return float(most - least)

    sent_mb = sizes["with"] * options.hosts / 1e6
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
