# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Count what linear, mitogen_linear and svc_linear send, and how often they wait for an answer: first run, second run.

    python -m bench.roundtrips [--hosts 1] [--tasks 20] [--round-trip-ms 50] [--strategy svc_linear] [--json FILE]

A proxy between ssh clients and sshd counts (tests/lab/proxy.py): bytes of TCP content in both directions, ssh's own
included, and round trips, that is, how often somebody had to wait for an answer. Each strategy has a fresh lab.
The options of ssh are ansible-core's defaults (-C and ControlPersist), or what the strategy makes of them: svc leaves
-C out.

*connect* is a run of one `command` less one more of the same; *second* the same on hosts that have seen it.
A kind of task is the difference between a run with so many of it and a run with one `command`, on hosts that know it.
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
from tests.lab import Lab, LabError
from tests.lab.proxy import Counters
from tests.lab.wire import Wire

_DEFAULT_SSH_ARGS = "-C -o ControlMaster=auto -o ControlPersist=60s"
_COMMAND: dict[str, Any] = {"ansible.builtin.command": "/bin/true", "changed_when": False}


@dataclass(frozen=True)
class Figure:
    """Hold what one measured thing costs, for each host: of a whole run, or of one task."""

    strategy: str
    what: str
    round_trips: float
    to_hosts_bytes: float
    from_hosts_bytes: float


def main(arguments: list[str] | None = None) -> int:
    """Measure what the command line asks for; return 1 when a run failed, else 0."""
    options = _parser().parse_args(arguments)
    figures: list[Figure] = []
    for contender in there(options.strategy):
        try:
            figures += _measure(contender, options.hosts, options.tasks, options.round_trip_ms / 1000)
        except LabError as exc:
            print(f"bench: {exc}", file=sys.stderr)
            return 1
    _print_table(figures)
    if options.json:
        options.json.write_text(json.dumps([asdict(figure) for figure in figures], indent=2) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=1, help="managed hosts; figures are for each (1)")
    parser.add_argument("--tasks", type=int, default=20, help="tasks of each kind (20)")
    parser.add_argument("--round-trip-ms", type=float, default=50.0, help="delay of the line (50)")
    parser.add_argument("--strategy", action="append", help="only this one; may be given again")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write every figure")
    return parser


def _measure(contender: Contender, hosts: int, tasks: int, round_trip_s: float) -> list[Figure]:
    svc = contender.strategy.startswith("svc")
    ssh_args = _DEFAULT_SSH_ARGS.removeprefix("-C ") if svc else _DEFAULT_SSH_ARGS
    files = [f"{{{{ workdir }}}}/bench-{number}" for number in range(tasks)]
    kinds: dict[str, list[dict[str, Any]]] = {
        "command": [_COMMAND] * tasks,
        "stat": [{"ansible.builtin.stat": {"path": path}} for path in files],
        "copy, changed": [{"ansible.builtin.copy": {"dest": path, "content": f"{path} b" * 20}} for path in files],
        "copy, unchanged": [{"ansible.builtin.copy": {"dest": path, "content": f"{path} b" * 20}} for path in files],
    }
    before = [{"ansible.builtin.copy": {"dest": path, "content": f"{path} a" * 20}} for path in files]
    with Lab(with_accounts=False) as lab, Wire(lab, hosts, round_trip_s) as wire:

        def run(what: str, *todo: dict[str, Any]) -> Counters:
            print(f"{contender.strategy}: {what}", file=sys.stderr, flush=True)
            return wire.run(todo, strategy=contender.strategy, plugins=contender.directory, ssh_args=ssh_args)

        first, second = run("first run", _COMMAND), run("second run", _COMMAND)
        figures = [
            _figure(contender, "one command, first run", first, hosts),
            _figure(contender, "one command, second run", second, hosts),
        ]
        run("files to copy over", kinds["stat"][0], *before)
        for what, todo in kinds.items():
            figures.append(_figure(contender, what, _less(run(what, _COMMAND, *todo), second), hosts * tasks))
    return figures


def _less(more: Counters, less: Counters) -> Counters:
    return Counters(**{name: value - vars(less)[name] for name, value in vars(more).items()})


def _figure(contender: Contender, what: str, counted: Counters, share: int) -> Figure:
    return Figure(
        contender.strategy,
        what,
        counted.round_trips / share,
        counted.to_server_bytes / share,
        counted.to_client_bytes / share,
    )


def _print_table(figures: Sequence[Figure]) -> None:
    print(
        "| what, per host | strategy | round trips | bytes to the host | bytes back |\n| --- | --- | --- | --- | --- |"
    )
    for what in dict.fromkeys(figure.what for figure in figures):
        for figure in figures:
            if figure.what == what:
                print(
                    f"| {what} | {figure.strategy} | {figure.round_trips:.1f}"
                    f" | {figure.to_hosts_bytes:,.0f} | {figure.from_hosts_bytes:,.0f} |"
                )


if __name__ == "__main__":
    sys.exit(main())
