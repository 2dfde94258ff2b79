# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure the CPU time that a task costs on its managed host, for each kind of module, under each strategy.

    python -m bench.target [--hosts 10] [--tasks 30] [--runs 1] [--kind command] [--strategy svc_linear] [--json FILE]

One playbook has two plays for each kind: one task to make everything ready, and then so many tasks that are measured.
What the hosts have used is read where a play begins (bench/plugins/callback/target_cpu.py), so connecting, sending
modules and starting what stays are not in these figures. sshd, agents and everything that they start is.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from bench.contenders import Contender, there
from bench.measure import accounting
from tests.lab import Lab, LabError
from tests.lab.lab import CHECKOUT
from tests.lab.playbook import executable

_BENCH = Path(__file__).parent
_PARTS = ("sshd", "session", "below")
_FILE = "{{ workdir }}/file"


def kinds() -> dict[str, list[dict[str, Any]]]:
    """Return what is measured: name -> tasks that are used one after the other."""
    copies = [{"ansible.builtin.copy": {"dest": _FILE, "content": text * 100, "mode": "0644"}} for text in "ab"]
    return {
        "command": [{"ansible.builtin.command": "/bin/true", "changed_when": False}],
        "stat": [{"ansible.builtin.stat": {"path": _FILE}}],
        "file": [
            {"ansible.builtin.file": {"path": _FILE, "state": "touch", "mode": mode}} for mode in ("0600", "0644")
        ],
        "copy, changed": copies,
        "copy, unchanged": copies[:1],
        "lineinfile": [
            {"ansible.builtin.lineinfile": {"path": _FILE, "line": "last", "state": s}} for s in ("present", "absent")
        ],
        "setup": [{"ansible.builtin.setup": {}}],
        "a module of one's own": [{"bench_fresh": {}}],
    }


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; return 1 when a run failed, else 0."""
    options = _parser().parse_args(arguments)
    chosen = {name: tasks for name, tasks in kinds().items() if not options.kind or name in options.kind}
    measured: dict[tuple[str, str], list[dict[str, float]]] = {}
    running = there(options.strategy)
    for number in range(options.runs):
        first = number % len(running)
        for contender in [*running[first:], *running[:first]]:
            try:
                figures = _measure(contender, options.hosts, options.tasks, chosen)
            except (LabError, subprocess.CalledProcessError) as exc:
                print(f"bench: {contender.strategy}: {exc}", file=sys.stderr)
                return 1
            for name, used in figures.items():
                measured.setdefault((name, contender.strategy), []).append(used)
    _print_table(measured)
    if options.json:
        rows = [{"kind": kind, "strategy": strategy, "runs": runs} for (kind, strategy), runs in measured.items()]
        options.json.write_text(json.dumps(rows, indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=10, help="managed hosts, and forks (10)")
    parser.add_argument("--tasks", type=int, default=30, help="measured tasks of each kind (30)")
    parser.add_argument("--runs", type=int, default=1, help="runs of each strategy (1)")
    parser.add_argument("--kind", action="append", choices=sorted(kinds()), help="only this one; may be given again")
    parser.add_argument("--strategy", action="append", help="only this one; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    return parser


def _measure(
    contender: Contender, hosts: int, count: int, chosen: dict[str, list[dict[str, Any]]]
) -> dict[str, dict[str, float]]:
    """Run the playbook once; return kind -> part -> seconds of one task on one host."""
    print(f"{contender.strategy} ...", file=sys.stderr, flush=True)
    plays = []
    for name, tasks in chosen.items():
        measured = [tasks[number % len(tasks)] for number in range(count)]
        for title, todo in ((f"make {name} ready", [*tasks, tasks[0]]), (name, measured)):
            plays.append({"name": title, "hosts": "all", "gather_facts": False, "tasks": todo})
    with tempfile.NamedTemporaryFile("r", encoding="ascii", suffix=".jsonl") as marks:
        with Lab(with_accounts=False, wrapper=accounting("/dev/null")) as lab:
            assert lab.sshd.process is not None
            cfg = lab.ansible_cfg(
                strategy=contender.strategy,
                strategy_plugins=contender.directory,
                forks=hosts,
                pipelining=True,
                callback_plugins=_BENCH / "plugins" / "callback",
                callbacks_enabled="target_cpu",
                library=_BENCH / "library",
            )
            book = lab.directory / "bench.yml"
            book.write_text(json.dumps(plays))
            env = lab.env(cfg, SVC_BENCH_ROOT=str(lab.sshd.process.pid), SVC_BENCH_MARKS=marks.name)
            output = lab.directory / "output.txt"
            with open(output, "wb") as log:
                ended = subprocess.run(
                    [*executable(), "-i", str(lab.inventory(hosts)), str(book)],
                    env=env,
                    cwd=CHECKOUT,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    check=False,
                )
            if ended.returncode:
                raise LabError(f"ansible-playbook ended with {ended.returncode}:\n{output.read_text()[-3000:]}")
        lines = [json.loads(line) for line in marks]
    return {
        begin["play"]: {part: (end[part] - begin[part]) / (count * hosts) for part in _PARTS}
        for begin, end in itertools.pairwise(lines)
        if begin["play"] in chosen
    }


def _print_table(measured: dict[tuple[str, str], list[dict[str, float]]]) -> None:
    """Print medians over the runs, in milliseconds."""
    print(
        "| module | strategy | ms on the host | sshd | its children | the rest |\n| --- | --- | --- | --- | --- | --- |"
    )
    for kind in dict.fromkeys(kind for kind, _strategy in measured):
        for (of, strategy), runs in measured.items():
            if of == kind:
                total = statistics.median(sum(run.values()) for run in runs)
                parts = (statistics.median(run[part] for run in runs) for part in _PARTS)
                cells = " | ".join(f"{value * 1000:.1f}" for value in (total, *parts))
                print(f"| {kind} | {strategy} | {cells} |")


if __name__ == "__main__":
    sys.exit(main())
