# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what an item of a loop costs with what a task of its own costs, on one host.

    python -m bench.loops [--items 1000] [--runs 3] [--strategy svc_linear] [--kind command] [--json FILE]

For each kind of task three playbooks are run by turns: one task, one task with so many items, and so many tasks. The
first is taken off the others, so that what is left is items and tasks alone. Controller CPU and wall time, as
bench/measure.py takes them; read ratios.
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

_KINDS: dict[str, dict[str, Any]] = {
    "command": {"ansible.builtin.command": "/bin/true", "changed_when": False},
    "file": {"ansible.builtin.file": {"path": "{{ workdir }}/d{{ item }}", "state": "directory", "mode": "0755"}},
    "copy": {"ansible.builtin.copy": {"content": "{{ item }}\n", "dest": "{{ workdir }}/c{{ item }}", "mode": "0644"}},
}


@dataclass(frozen=True)
class Cost:
    """Hold what one item, or one task, costs a strategy, in milliseconds."""

    strategy: str
    kind: str
    item_controller_ms: float
    item_wall_ms: float
    task_controller_ms: float
    task_wall_ms: float


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; return 1 when a run failed, else 0."""
    options = _parser().parse_args(arguments)
    costs: list[Cost] = []
    for contender in there(options.strategy or ["svc_linear"]):
        for kind in options.kind or _KINDS:
            try:
                costs.append(_measure(contender, kind, options.items, options.runs))
            except LabError as exc:
                print(f"bench: {exc}", file=sys.stderr)
                return 1
    _print_table(costs)
    if options.json:
        options.json.write_text(json.dumps([asdict(cost) for cost in costs], indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=1000, help="items, and tasks (1000)")
    parser.add_argument("--runs", type=int, default=3, help="runs of each playbook; the medians count (3)")
    parser.add_argument("--kind", action="append", choices=sorted(_KINDS), help="only this one; may be given again")
    parser.add_argument("--strategy", action="append", help="may be given again (svc_linear)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    return parser


def _measure(contender: Contender, kind: str, items: int, runs: int) -> Cost:
    task = _KINDS[kind]
    apart = [json.loads(json.dumps(task).replace("{{ item }}", str(number))) for number in range(items)]
    books = {
        "one": (apart[0],),
        "loop": ({**task, "with_items": list(range(items))},),
        "apart": tuple(apart),
    }
    measured: dict[str, list[Run]] = {what: [] for what in books}
    for _ in range(runs):
        for what, tasks in books.items():
            setting = Setting(Tasks(f"{kind} {what}", tasks=tasks), hosts=1)
            measured[what].append(succeeded(contender, setting))

    def each_ms(what: str, figure: str) -> float:
        return difference(measured[what], measured["one"], figure) / (items - 1) * 1000

    return Cost(
        contender.strategy,
        kind,
        each_ms("loop", "controller_s"),
        each_ms("loop", "wall_s"),
        each_ms("apart", "controller_s"),
        each_ms("apart", "wall_s"),
    )


def _print_table(costs: Sequence[Cost]) -> None:
    print("| strategy | kind | item: controller ms | wall ms | task: controller ms | wall ms | item/task CPU | wall |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |")
    for cost in costs:
        print(
            f"| {cost.strategy} | {cost.kind} | {cost.item_controller_ms:.1f} | {cost.item_wall_ms:.1f}"
            f" | {cost.task_controller_ms:.1f} | {cost.task_wall_ms:.1f}"
            f" | {cost.item_controller_ms / cost.task_controller_ms:.2f}"
            f" | {cost.item_wall_ms / cost.task_wall_ms:.2f} |"
        )


if __name__ == "__main__":
    sys.exit(main())
