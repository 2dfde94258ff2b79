# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Offer the runner on the command line: list, run and table."""

from __future__ import annotations

import argparse
import datetime
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.conformance import image as images
from tests.conformance import machine, report, selection
from tests.conformance.errors import ConformanceError, UnsuitableMachineError
from tests.conformance.results import Result, ResultFile, result_path
from tests.conformance.runner import REPOSITORY, Limits, Runner
from tests.conformance.source import cache_dir, installed_version
from tests.conformance.strategies import STOCK, Family
from tests.conformance.suite import Suite

_DOCUMENT = REPOSITORY / "docs/conformance.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Returns 0; 1 when a target fails that stock passes; 2 when the runner could not work; 3 when this machine cannot
    make private hosts.
    """
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        result: int = options.command(options)
        return result
    except UnsuitableMachineError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 3
    except ConformanceError as error:
        print(f"conformance: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("conformance: stopped by a signal; results so far are kept", file=sys.stderr)
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("--core", metavar="VERSION", help="ansible-core release (default: what the Python has)")
    shared.add_argument("--python", default=sys.executable, help="Python of the controller (default: this one)")
    shared.add_argument("--cache", type=Path, default=cache_dir(), help="where downloads and results are kept")
    shared.add_argument("--strategy", default="svc_linear", type=_strategy, help="default: %(default)s")
    chosen = argparse.ArgumentParser(add_help=False)
    which = chosen.add_mutually_exclusive_group()
    which.add_argument("--targets", metavar="A,B", type=lambda text: text.split(","), help="names or patterns")
    which.add_argument("--subset", choices=selection.SUBSETS, default="quick", help="default: %(default)s")

    listing = commands.add_parser("list", parents=[shared, chosen], help="show the targets, what is left out and why")
    listing.set_defaults(command=_list)

    running = commands.add_parser("run", parents=[shared, chosen], help="run targets, under stock first")
    running.add_argument("-j", "--jobs", type=int, default=1, help="private hosts at a time (default: 1)")
    running.add_argument("--time-limit", type=float, default=300.0, metavar="S", help="seconds for each (default: 300)")
    running.add_argument("--nice", type=int, default=0, help="niceness of the targets (default: 0)")
    running.add_argument("--again", action="store_true", help="run stock again where its result is known")
    running.add_argument("--stock-later", action="store_true", help="run stock only for targets that do not pass")
    running.add_argument("--stock-only", action="store_true", help="stop after the baseline")
    running.add_argument("--local", action="store_true", help="testhost is always local, as in ansible-test --local")
    running.add_argument("--strategy-plugins", metavar="DIR", help="another project's strategies, as seen inside")
    running.set_defaults(command=_run)

    table = commands.add_parser("table", help="write docs/conformance.md from the results so far")
    table.add_argument("--cache", type=Path, default=cache_dir())
    table.add_argument("--strategy", default="svc_linear", type=_strategy)
    table.add_argument("--output", type=Path, default=_DOCUMENT)
    table.set_defaults(command=_table)
    return parser


def _strategy(name: str) -> str:
    try:
        Family.of(name)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    return name


def _suite(options: argparse.Namespace) -> Suite:
    core = options.core or installed_version(options.python)
    return Suite.read(images.build(core, options.python, options.cache))


def _names(options: argparse.Namespace, suite: Suite) -> list[str]:
    patterns = options.targets or selection.subset(options.subset)
    return selection.select(patterns, suite.targets, strict=bool(options.targets))


def _list(options: argparse.Namespace) -> int:
    suite = _suite(options)
    left_out = _left_out(suite)
    image = suite.image
    stock = ResultFile(result_path(options.cache, image.core, image.python, STOCK)).results
    for name in _names(options, suite):
        target = suite.targets[name]
        known = f"stock {stock[name].status.value} in {stock[name].seconds} s" if name in stock else ""
        note = f"left out: {left_out[name]}" if name in left_out else known
        print(f"{name:<44} {target.kind:<7} {target.context.value:<11} {note}")
    return 0


def _run(options: argparse.Namespace) -> int:
    machine.check(options.cache)
    suite = _suite(options)
    left_out = _left_out(suite)
    names = _names(options, suite)
    applying = [name for name in names if name not in left_out]
    limits = Limits(options.jobs, options.time_limit, options.nice)
    runner = Runner(suite, options.cache, limits, _announce, over_ssh=not options.local)

    own: dict[str, Result] = {}
    if options.stock_later:
        own = _run_under(runner, applying, options)
        applying = [name for name in applying if not own[name].passed]
    known = {} if options.again else runner.results(STOCK).results
    unknown = [name for name in applying if name not in known]
    if unknown:
        print(f"{len(unknown)} targets under stock {STOCK}, ansible-core {suite.image.core}:", flush=True)
        runner.run(unknown, STOCK)
    stock = runner.results(STOCK).results
    if options.stock_only or options.strategy == STOCK:
        print(report.terminal(report.compare(names, stock, stock, left_out, {})))
        return 0

    if not options.stock_later:
        own = _run_under(runner, [name for name in applying if stock[name].passed], options)
    rows = report.compare(names, stock, own, left_out, report.read_reasons())
    print(report.terminal(rows))
    return 1 if any(row.verdict == report.WORSE for row in rows) else 0


def _run_under(runner: Runner, names: Sequence[str], options: argparse.Namespace) -> dict[str, Result]:
    print(f"{len(names)} targets under {options.strategy}:", flush=True)
    return runner.run(names, options.strategy, options.strategy_plugins)


def _left_out(suite: Suite) -> dict[str, str]:
    return suite.incomplete() | selection.excluded(suite.targets.values(), selection.read_rules())


def _announce(result: Result) -> None:
    where = f" in {result.failed_step}" if result.failed_step not in ("", result.target) else ""
    print(f"  {result.status.value:<8} {result.seconds:>6.1f} s  {result.target}{where}", flush=True)
    if not result.passed:
        print(f"           log: {result.log}", flush=True)


def _table(options: argparse.Namespace) -> int:
    columns = []
    reasons = report.read_reasons()
    for description in images.descriptions(options.cache):
        suite = Suite.read(images.load(description))
        image = suite.image
        stock = ResultFile(result_path(options.cache, image.core, image.python, STOCK)).results
        own = ResultFile(result_path(options.cache, image.core, image.python, options.strategy)).results
        if not own:
            continue
        names = selection.select(["*"], suite.targets, strict=False)
        left_out = _left_out(suite)
        rows = report.compare(names, stock, own, left_out, reasons)
        columns.append(report.Column(image.core, image.python, options.strategy, rows))
    if not columns:
        raise ConformanceError(f"there are no results for {options.strategy} yet; use `run` first")
    today = datetime.datetime.now(datetime.UTC).date()
    options.output.parent.mkdir(exist_ok=True)
    options.output.write_text(report.document(columns, today), "utf-8")
    print(f"wrote {options.output}")
    return 0
