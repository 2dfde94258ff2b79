# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``ansible-svc bench``: the user's own playbook under linear and under svc_linear, side by side."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ansible_svc.cli._accounting import Cost, adopt_orphans, measured
from ansible_svc.cli._exit_codes import EXIT_CODES, FOUND, OK
from ansible_svc.cli._terminal import console, print_json
from ansible_svc.cli.path import plugin_path

STOCK, OURS = "linear", "svc_linear"
_SHOWN_OF_OUTPUT = 3000
# What would ask at the terminal, once for every run, and what to use instead.
_ASKING = {
    "ask_pass": "--connection-password-file",
    "become_ask_pass": "--become-password-file",
    "ask_vault_pass": "--vault-password-file",
    "step": "nothing",
}

_DESCRIPTION = """\
Run a playbook of yours under ansible-core's linear and under svc_linear, by turns, and print what each cost.

All that bench does not know is handed on to ansible-playbook. The playbook runs in check mode, which changes nothing on
the managed hosts. With --apply it really runs: then --tags has to say which tasks.
"""
_EPILOG = f"""\
wall is how long one waits; controller is CPU time of ansible-playbook and all it starts on this machine, ssh included.
Plays that name a strategy of their own run under that one both times, which is said.

{EXIT_CODES}"""


@dataclass(frozen=True)
class Run:
    """One run: what it cost, and what it came to (None when ansible-playbook did not get to its recap)."""

    strategy: str
    cost: Cost
    outcome: dict[str, Any] | None
    output: str


def register(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "bench",
        help="run your playbook under linear and svc_linear and compare",
        usage="ansible-svc bench [--runs N] [--apply] [--json] -i INVENTORY PLAYBOOK [ansible-playbook options]",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--runs", type=_positive, default=2, metavar="N", help="runs under each strategy (2)")
    parser.add_argument("--apply", action="store_true", help="no check mode; only together with --tags")
    parser.add_argument("--json", action="store_true", help="print every figure as JSON")
    parser.set_defaults(run=lambda arguments: run(arguments, parser), passes_on=True)


def run(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> int:
    """Measure, print, and tell whether all went well."""
    passed_on = _checked(arguments, parser)
    terminal = None if arguments.json else console()
    whole = adopt_orphans()
    if not whole:
        _say("what outlasts ansible-playbook cannot be accounted for on this system")
    runs: list[Run] = []
    with tempfile.TemporaryDirectory(prefix="ansible-svc-bench-") as directory:
        for number in range(arguments.runs):
            # Each begins as often as the other, so that a machine that gets slower or faster favours nobody.
            for strategy in (STOCK, OURS) if number % 2 == 0 else (OURS, STOCK):
                _say(f"run {len(runs) + 1} of {2 * arguments.runs}, {strategy} ...")
                runs.append(_run(strategy, passed_on, Path(directory)))
                if runs[-1].outcome is None:
                    print(runs[-1].output, file=sys.stderr)
                    _say(f"ansible-playbook ended with {runs[-1].cost.rc} before its recap")
                    return FOUND
    report = compare(runs)
    report["check"] = not arguments.apply
    if terminal is None:
        print_json(report)
    else:
        terminal.print(_table(report))
        for line in _findings(report):
            terminal.print(line, markup=False)
    return OK if report["same_recap"] and all(found.cost.rc == 0 for found in runs) else FOUND


def compare(runs: Sequence[Run]) -> dict[str, Any]:
    """Return all figures and findings of some runs as plain values."""
    medians = {
        strategy: {
            figure: statistics.median(getattr(found.cost, figure) for found in runs if found.strategy == strategy)
            for figure in ("wall_s", "cpu_s")
        }
        for strategy in (STOCK, OURS)
    }
    first = runs[0].outcome or {}
    differing = sorted(
        {host for found in runs for host in _differing(first.get("hosts", {}), (found.outcome or {}).get("hosts", {}))}
    )
    ours = next(found for found in runs if found.strategy == OURS)
    return {
        "runs": [{"strategy": found.strategy, **asdict(found.cost)} for found in runs],
        "medians": medians,
        "times_faster": {figure: _ratio(medians, figure) for figure in ("wall_s", "cpu_s")},
        "same_recap": not differing and len({found.cost.rc for found in runs}) == 1,
        "differing_hosts": {
            host: {found.strategy: (found.outcome or {}).get("hosts", {}).get(host) for found in reversed(runs)}
            for host in differing
        },
        "other_strategies": [play for play in (ours.outcome or {}).get("plays", []) if play["strategy"] != OURS],
    }


def _ratio(medians: Mapping[str, Mapping[str, float]], figure: str) -> float:
    return medians[STOCK][figure] / max(medians[OURS][figure], 1e-9)


def _differing(left: Mapping[str, Any], right: Mapping[str, Any]) -> set[str]:
    return {host for host in left.keys() | right.keys() if left.get(host) != right.get(host)}


def _checked(arguments: argparse.Namespace, parser: argparse.ArgumentParser) -> list[str]:
    """Return what to hand on to ansible-playbook; wrong usage ends here and not after the first run."""
    from ansible_svc.compat.command_line import playbook_options

    options = playbook_options(arguments.passed_on)
    for name, instead in _ASKING.items():
        if getattr(options, name, False):
            parser.error(f"every run would ask at the terminal; instead of --{name.replace('_', '-')} use {instead}")
    if not arguments.apply:
        return [*arguments.passed_on, "--check"]
    if set(options.tags) <= {"all"}:
        parser.error("--apply changes the managed hosts: say with --tags which tasks to run")
    return list(arguments.passed_on)


def _run(strategy: str, passed_on: Sequence[str], directory: Path) -> Run:
    recap, output = directory / "recap.json", directory / "output"
    recap.unlink(missing_ok=True)
    with open(output, "wb") as log:
        command = [sys.executable, "-m", "ansible", "playbook", *passed_on]
        cost = measured(command, _environment(strategy, recap), log)
    outcome = json.loads(recap.read_text()) if recap.exists() else None
    return Run(strategy, cost, outcome, output.read_text(errors="replace")[-_SHOWN_OF_OUTPUT:])


def _environment(strategy: str, recap: Path) -> dict[str, str]:
    """Return the caller's environment with the strategy, and with the folders of our plugins beside the user's."""
    from ansible import constants as C

    def beside(folders: Sequence[str], ours: Path) -> str:
        return os.pathsep.join([*folders, str(ours)])

    return {
        **os.environ,
        "ANSIBLE_STRATEGY": strategy,
        "ANSIBLE_STRATEGY_PLUGINS": beside(C.DEFAULT_STRATEGY_PLUGIN_PATH, plugin_path("strategy")),
        "ANSIBLE_CALLBACK_PLUGINS": beside(C.DEFAULT_CALLBACK_PLUGIN_PATH, Path(__file__).parent / "_callback"),
        "ANSIBLE_SVC_RECAP_FILE": str(recap),
    }


def _table(report: Mapping[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="check mode" if report["check"] else None, title_justify="left")
    for title in ("strategy", "wall s", "min-max", "controller s", "min-max"):
        table.add_column(title, justify="left" if title == "strategy" else "right")
    for strategy in (STOCK, OURS):
        cells = [strategy]
        for figure in ("wall_s", "cpu_s"):
            values = [found[figure] for found in report["runs"] if found["strategy"] == strategy]
            cells += [f"{report['medians'][strategy][figure]:.2f}", f"{min(values):.2f}-{max(values):.2f}"]
        table.add_row(*cells)
    faster = report["times_faster"]
    table.add_section()
    table.add_row("times less", f"{faster['wall_s']:.1f}", "", f"{faster['cpu_s']:.1f}", "")
    return table


def _findings(report: Mapping[str, Any]) -> list[str]:
    found = []
    codes = {run["rc"] for run in report["runs"]}
    if report["same_recap"]:
        found.append("The recaps are the same in all runs.")
    for host, recaps in report["differing_hosts"].items():
        found.append(f"The recaps differ for {host}:")
        for strategy, recap in recaps.items():
            counts = " ".join(f"{key}={count}" for key, count in (recap or {}).items()) or "not in the recap"
            found.append(f"  {strategy}: {counts}")
    if codes != {0}:
        found.append(f"ansible-playbook ended with {', '.join(map(str, sorted(codes)))}.")
    for play in report["other_strategies"]:
        found.append(f"Play {play['name']} names the strategy {play['strategy']} and ran under it both times.")
    return found


def _say(text: str) -> None:
    print(f"bench: {text}", file=sys.stderr, flush=True)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
