# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the figures that README and the text of the benchmarks tell to the newest table of the benchmarks."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).resolve().parents[3]
README = " ".join((CHECKOUT / "README.md").read_text("utf-8").split())
BENCHMARKS = (CHECKOUT / "docs" / "benchmarks.md").read_text("utf-8")
_WHOLE_RUNS = re.compile(
    r"^(\d{4}-\d\d-\d\d),(?:(?!^\|).)*?^\| strategy \| wall s \|[^\n]*\n\|[^\n]*\n((?:\|[^\n]*\n)+)", re.M | re.S
)


def _cells(row: str) -> list[str]:
    return [cell.strip() for cell in row.strip().strip("|").split("|")]


@pytest.fixture(scope="module")
def newest() -> dict[str, tuple[float, float, float]]:
    """Return wall, controller and targets in seconds, by strategy, of the newest table of whole runs."""
    _, rows = max(_WHOLE_RUNS.findall(BENCHMARKS))
    found = {}
    for row in rows.splitlines():
        strategy, wall_s, controller_s, _, targets_s, _ = _cells(row)
        found[strategy] = (float(wall_s), float(controller_s), float(targets_s))
    return found


def test_readme_tells_the_ratios_of_the_newest_table(newest: dict[str, tuple[float, float, float]]) -> None:
    wall, controller, targets = (
        theirs / ours for theirs, ours in zip(newest["mitogen_linear"], newest["svc_linear"], strict=True)
    )
    assert (
        f"took {wall:.1f} times less time than with `mitogen_linear`, {controller:.1f} times less controller CPU"
        f" and {1 / targets:.2f} of the CPU on the hosts"
    ) in README


def test_the_text_below_the_newest_table_is_of_that_table(newest: dict[str, tuple[float, float, float]]) -> None:
    wall, controller, targets = (
        ours / theirs for theirs, ours in zip(newest["mitogen_linear"], newest["svc_linear"], strict=True)
    )
    to_pyinfra = newest["svc_linear"][0] / newest["pyinfra 3.10"][0]
    assert (
        f"svc takes {wall:.2f} of mitogen's wall time, {controller:.2f} of its controller CPU,"
        f" {targets:.2f} of its CPU on the hosts, and {to_pyinfra:.2f} times pyinfra's wall time"
    ) in " ".join(BENCHMARKS.split())


def test_readme_tells_the_round_trips_and_bytes_of_the_table() -> None:
    counted = {}
    kind = ""
    for row in re.findall(
        r"^\|.*\| *(?:linear|mitogen_linear|svc_linear) \| [\d.]+ \| [\d,]+ \| [\d,]+ \|$", BENCHMARKS, re.M
    ):
        first, strategy, round_trips, there, back = _cells(row)
        kind = first or kind
        counted[kind, strategy] = (float(round_trips), int(there.replace(",", "")) + int(back.replace(",", "")))
    round_trips, size_bytes = counted["command", "svc_linear"]
    assert round_trips == counted["copy, changed", "svc_linear"][0] == 1.0
    assert f"a `command` is one round trip and {size_bytes} bytes, a `copy` of a small file one as well" in README
