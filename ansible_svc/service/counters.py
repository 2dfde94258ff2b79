# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Count what happens in a Pool, cheaply; `statistics` describes it to people."""

from __future__ import annotations

import threading
from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service.statistics import MethodStatistics

#: Service and method under which requests for unknown names are counted, so that made-up names take no memory.
UNKNOWN = "?"

_CALLS, _ERRORS, _REFUSED, _DEDUPLICATED, _RUNS, _TIME, _IN, _OUT = range(8)


class Counters:
    """
    Count per service and method.

    Threads: any. Guarded by `_lock`: `_rows`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rows: dict[tuple[str, str], list[float]] = {}

    def ended(
        self,
        service: str,
        method: str,
        failed: bool = False,
        refused: bool = False,
        deduplicated: bool = False,
        bytes_in: int = 0,
        bytes_out: int = 0,
    ) -> None:
        """Count a request that has ended."""
        with self._lock:
            row = self._row(service, method)
            row[_CALLS] += 1
            row[_ERRORS] += failed and not refused
            row[_REFUSED] += refused
            row[_DEDUPLICATED] += deduplicated
            row[_IN] += bytes_in
            row[_OUT] += bytes_out

    def ran(self, service: str, method: str, seconds: float) -> None:
        """Count one run of a method."""
        with self._lock:
            row = self._row(service, method)
            row[_RUNS] += 1
            row[_TIME] += seconds

    def snapshot(self) -> tuple[MethodStatistics, dict[str, dict[str, MethodStatistics]]]:
        """Return the sum of all counts, and the counts by service and method."""
        make: Any = import_module("ansible_svc.service.statistics").MethodStatistics
        with self._lock:
            rows = {key: list(row) for key, row in self._rows.items()}
        services: dict[str, dict[str, MethodStatistics]] = {}
        for (service, method), row in sorted(rows.items()):
            services.setdefault(service, {})[method] = make(*_typed(row))
        total = [sum(column) for column in zip(*rows.values())] if rows else [0] * 8
        return make(*_typed(total)), services

    def _row(self, service: str, method: str) -> list[float]:
        row = self._rows.get((service, method))
        if row is None:
            row = self._rows[(service, method)] = [0] * 8
        return row


def _typed(row: list[float]) -> list[float]:
    return [value if index == _TIME else int(value) for index, value in enumerate(row)]
