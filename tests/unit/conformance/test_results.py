# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test what is kept of runs and how two strategies are held against each other."""

from __future__ import annotations

import datetime
from pathlib import Path

from tests.conformance import report
from tests.conformance.results import Result, ResultFile, Status, excerpt


def result(
    target: str, status: Status = Status.PASSED, seconds: float = 1.0, lines: list[str] | None = None, commit: str = ""
) -> Result:
    return Result(target, status, seconds, "x.log", "2026-01-01T00:00:00+00:00", commit=commit, excerpt=lines or [])


def by_name(*results: Result) -> dict[str, Result]:
    return {entry.target: entry for entry in results}


def test_results_survive_the_file_and_replace_each_other_singly(tmp_path: Path) -> None:
    path = tmp_path / "deep/linear.json"
    first = ResultFile(path)
    first.put(result("a"))
    ResultFile(path).put(result("b", Status.TIMEOUT, 300.0))
    first.put(result("a", Status.FAILED, 2.0, ["fatal: x"]))
    read = ResultFile(path).results
    assert read == by_name(result("a", Status.FAILED, 2.0, ["fatal: x"]), result("b", Status.TIMEOUT, 300.0))
    assert not read["a"].passed


def test_an_excerpt_starts_at_the_last_failure_that_was_not_ignored() -> None:
    log = "fatal: one => x\n...ignoring\nok: y\nfatal: two => z\nmore\nfatal: three\n...ignoring\nPLAY RECAP\n"
    assert excerpt(log)[:2] == ["fatal: two => z", "more"]


def test_an_excerpt_of_a_log_without_a_failure_is_its_end() -> None:
    log = "\n".join(f"+ line {number}" for number in range(100))
    assert excerpt(log)[-1] == "+ line 99"
    assert len(excerpt(log)) < 20


def test_only_what_stock_passes_counts() -> None:
    names = ["same", "worse", "stock", "new", "out", "known"]
    stock = by_name(
        result("same"), result("worse"), result("stock", Status.FAILED, lines=["fatal: no net"]), result("known")
    )
    own = by_name(result("same"), result("worse", Status.TIMEOUT, 300.0), result("known", Status.FAILED))
    rows = report.compare(names, stock, own, {"out": "needs Windows"}, {"known": "prints a warning more"})
    assert [(row.verdict, row.reason) for row in rows] == [
        (report.SAME, ""),
        (report.WORSE, "no end within 300 s"),
        (report.STOCK_FAILS, "fatal: no net"),
        (report.NOT_RUN, ""),
        (report.EXCLUDED, "needs Windows"),
        (report.WORSE, "prints a warning more"),
    ]
    assert report.terminal(rows).splitlines()[-1] == "1 passes, 2 FAILS, 1 stock fails here, 1 not run, 1 left out"


def test_the_document_has_totals_rows_and_what_is_left_out() -> None:
    own = by_name(result("a", seconds=0.4, commit="abc123"))
    rows = report.compare(["a", "b"], by_name(result("a")), own, {"b": "needs | it"}, {})
    text = report.document([report.Column("2.19.14", "3.11.7", "svc_linear", rows)], datetime.date(2026, 1, 2))
    assert "Made on 2026-01-02 by" in text
    assert "Commits: abc123 (1 targets)." in text
    assert "| 2.19.14 | 3.11.7 | `svc_linear` | 1 | 0 | 0 | 0 | 1 |" in text
    assert "| `a` | passed | passed | 1.0 | 0.4 |  |" in text
    assert "- needs | it (1): `b`" in text
