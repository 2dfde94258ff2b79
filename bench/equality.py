# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold what is measured to what ``linear`` does: a run that is fast because it does less is worth nothing.

Twice: the output of measured runs is compared with that of a measured run of ``linear``, when there is one. And every
strategy runs a smaller edition of the workload once more, beside ``linear``, with all callback events recorded, which
costs time and is not measured.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from bench.contenders import Contender
from bench.measure import Run, Setting, measure
from tests.integration.outputs import assert_same_lines
from tests.integration.twin import NORMALISER
from tests.lab.compare import differences

STOCK = Contender("linear")

_HOSTS = 3
_REPEAT = 3


def output_differences(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Return how the output of measured runs differs from that of ``linear``, for each strategy that differs."""
    stock = next((run for run in runs if run.strategy == STOCK.strategy), None)
    found: dict[str, list[str]] = {}
    if stock is not None:
        for run in runs:
            if run.comparable and (lines := _lines(stock, run)):
                found[run.strategy] = lines
    return found


def event_differences(there: Sequence[Contender], setting: Setting) -> dict[str, list[str]]:
    """Run a smaller edition under ``linear`` and each contender; return how events and output differ.

    Raises LabError.
    """
    workload = replace(setting.workload, repeat=min(setting.workload.repeat, _REPEAT))
    small = replace(setting, workload=workload, hosts=min(setting.hosts, _HOSTS))
    stock = measure(STOCK, small, events=True)
    found: dict[str, list[str]] = {}
    for contender in there:
        if contender.program is not None or contender.strategy == STOCK.strategy:
            continue
        run = measure(contender, small, events=True)
        lines = differences(stock.events, run.events, NORMALISER) + _lines(stock, run)
        if not run.events:
            lines.append("there are no events")
        if lines:
            found[contender.strategy] = lines
    return found


def _lines(stock: Run, run: Run) -> list[str]:
    if stock.rc != run.rc:
        return [f"exit code {run.rc} instead of {stock.rc}"]
    try:
        assert_same_lines(stock.output, run.output, "output")
    except AssertionError as error:
        return str(error).splitlines()
    return []
