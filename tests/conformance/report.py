# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold a strategy's results against stock's, for the terminal and for docs/conformance.md."""

from __future__ import annotations

import datetime
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.results import Result, Status

_FOLDER = Path(__file__).parent
_PREAMBLE = """\
What passes under stock `linear` must pass under `svc_linear`. Shown with ansible-core's own integration targets, taken
from the sdist of each release and run as ansible-test runs them; targets that choose `linear`, `free` or `host_pinned`
themselves are run with `svc_linear`, `svc_free` and `svc_host_pinned`. A target counts when stock passes it on the
machine of the test; where stock's column is empty, svc passed and stock was not asked. Content for managed hosts goes
over real ssh. `make conformance-quick`, a part of the gate, runs the fastest of them.

    python -m tests.conformance run --subset quick      # minutes; also: pytest tests/conformance -m conformance
    python -m tests.conformance run --subset first      # what a change of the engine is tried on
    python -m tests.conformance run --targets 'become*,copy' --core 2.20.1 --python /path/to/python3.12
    python -m tests.conformance table                   # writes this file

The first run of a release downloads its sdist and runs the targets under stock `linear` as well. It needs root on Linux
with overlayfs: every target gets a private host of its own, made of namespaces and an overlay of the machine's files,
with its own loopback, sshd and users, and without a network. Nothing a target does outlives it. Logs and results are
kept in `$XDG_CACHE_HOME/ansible_svc_conformance`.""".splitlines()
# The verdicts, in the order of the totals.
SAME, WORSE, STOCK_FAILS, NOT_RUN, EXCLUDED = "passes", "FAILS", "stock fails here", "not run", "left out"


@dataclass(frozen=True)
class Row:
    """Compare one target: seconds are None for what was not run."""

    target: str
    stock: Result | None
    svc: Result | None
    verdict: str
    reason: str = ""


@dataclass(frozen=True)
class Column:
    """Hold the comparison for one ansible-core release."""

    core: str
    python: str
    strategy: str
    rows: Sequence[Row]

    def totals(self) -> Counter[str]:
        """Count the rows by verdict."""
        return Counter(row.verdict for row in self.rows)


def read_reasons(path: Path = _FOLDER / "reasons.toml") -> dict[str, str]:
    """Return what is known about failures, by target: why stock does not pass, or how the strategy differs."""
    return dict(tomllib.loads(path.read_text("utf-8"))["reasons"])


def compare(
    names: Iterable[str],
    stock: Mapping[str, Result],
    svc: Mapping[str, Result],
    left_out: Mapping[str, str],
    reasons: Mapping[str, str],
) -> list[Row]:
    """Return a row for each name."""
    rows = []
    for name in names:
        base, own = stock.get(name), svc.get(name)
        reason = reasons.get(name, "")
        if name in left_out:
            rows.append(Row(name, base, own, EXCLUDED, left_out[name]))
        elif base is not None and not base.passed:
            rows.append(Row(name, base, own, STOCK_FAILS, reason or _first_line(base)))
        elif own is not None and own.passed:
            rows.append(Row(name, base, own, SAME))
        elif base is None or own is None:
            rows.append(Row(name, base, own, NOT_RUN))
        else:
            rows.append(Row(name, base, own, WORSE, reason or _first_line(own)))
    return rows


def terminal(rows: Sequence[Row]) -> str:
    """Return the rows as lines of text with a line of totals under them."""
    width = max((len(row.target) for row in rows), default=0)
    lines = [f"{'target':<{width}}  {'stock':>9}  {'strategy':>9}  verdict"]
    for row in rows:
        lines.append(f"{row.target:<{width}}  {_cell(row.stock):>9}  {_cell(row.svc):>9}  {row.verdict}")
    totals = Counter(row.verdict for row in rows)
    lines.append(", ".join(f"{totals[verdict]} {verdict}" for verdict in (SAME, WORSE, STOCK_FAILS, NOT_RUN, EXCLUDED)))
    return "\n".join(lines)


def document(columns: Sequence[Column], date: datetime.date) -> str:
    """Return docs/conformance.md; date is the one of its making."""
    lines = [
        "# Conformance",
        "",
        *_PREAMBLE,
        "",
        f"Made on {date.isoformat()} by `python -m tests.conformance table`, from each target's last run.",
        _commits(columns),
        "",
        "| ansible-core | Python | strategy | passes | fails | stock fails here | not run | left out |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for column in columns:
        totals = column.totals()
        counts = " | ".join(str(totals[verdict]) for verdict in (SAME, WORSE, STOCK_FAILS, NOT_RUN, EXCLUDED))
        lines.append(f"| {column.core} | {column.python} | `{column.strategy}` | {counts} |")
    for column in columns:
        lines += ["", f"## ansible-core {column.core}, Python {column.python}, `{column.strategy}`", ""]
        lines += [
            "Seconds are wall time of the whole target, setup included, on a machine with other work: no benchmark.",
            "",
        ]
        lines += ["| target | stock | svc | stock s | svc s | reason |", "|---|---|---|---|---|---|"]
        lines += [_markdown(row) for row in column.rows if row.verdict != EXCLUDED]
        lines += ["", "Left out:", ""]
        lines += _left_out(column.rows)
    return "\n".join(lines) + "\n"


def _commits(columns: Sequence[Column]) -> str:
    """Say which commits of this project the results come from, the latest first."""
    runs = [row.svc for column in columns for row in column.rows if row.svc and row.verdict != EXCLUDED]
    latest: dict[str, str] = {}
    for run in runs:
        latest[run.commit] = max(run.date, latest.get(run.commit, ""))
    counts = Counter(run.commit for run in runs)
    order = sorted(counts, key=lambda commit: latest[commit], reverse=True)
    return "Commits: " + ", ".join(f"{commit or 'unknown'} ({counts[commit]} targets)" for commit in order) + "."


def _left_out(rows: Sequence[Row]) -> list[str]:
    by_reason: dict[str, list[str]] = {}
    for row in rows:
        if row.verdict == EXCLUDED:
            by_reason.setdefault(row.reason, []).append(row.target)
    return [f"- {reason} ({len(names)}): `{'`, `'.join(names)}`" for reason, names in by_reason.items()]


def _markdown(row: Row) -> str:
    cells = [f"`{row.target}`", _status(row.stock), _status(row.svc), _seconds(row.stock), _seconds(row.svc)]
    return "| " + " | ".join([*cells, row.reason.replace("|", "\\|")]) + " |"


def _first_line(result: Result) -> str:
    if result.status is Status.TIMEOUT:
        return f"no end within {result.seconds:.0f} s"
    line = result.excerpt[0] if result.excerpt else ""
    return line if len(line) <= 160 else line[:157] + "..."


def _status(result: Result | None) -> str:
    return result.status.value if result else ""


def _seconds(result: Result | None) -> str:
    return f"{result.seconds:.1f}" if result else ""


def _cell(result: Result | None) -> str:
    if result is None:
        return "-"
    return f"{result.seconds:.1f} s" if result.passed else result.status.value
