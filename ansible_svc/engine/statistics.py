# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, counted."""

from __future__ import annotations

import threading
from collections import Counter
from typing import NamedTuple


class EngineStatistics(NamedTuple):
    """Counters of the engine.

    Attributes:
        native, forked, stock: host-tasks by the way they ran.
        reasons: why host-tasks did not run natively, and how many.
        round_trips: requests to agents that were waited for.
        bytes_sent: what travelled with requests to agents as module code, arguments and small files, before ssh.
        files_pushed: files that travelled with the request for them.
        threads: most task threads at once.
    """

    native: int
    forked: int
    stock: int
    reasons: dict[str, int]
    round_trips: int
    bytes_sent: int
    files_pushed: int
    threads: int


class Counters:
    """Named counters.

    Threads: any. Guarded by ``_lock``: all of them.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._values: Counter[str] = Counter()
        self._reasons: Counter[str] = Counter()

    def add(self, name: str, amount: int = 1) -> None:
        """Add to a counter."""
        with self._lock:
            self._values[name] += amount

    def add_reason(self, reason: str) -> bool:
        """Count a reason; return whether this is the first time."""
        with self._lock:
            self._reasons[reason] += 1
            return self._reasons[reason] == 1

    def snapshot(self, threads: int) -> EngineStatistics:
        """Return the present values."""
        with self._lock:
            value = self._values
            return EngineStatistics(
                native=value["native"],
                forked=value["forked"],
                stock=value["stock"],
                reasons=dict(self._reasons),
                round_trips=value["round_trips"],
                bytes_sent=value["bytes_sent"],
                files_pushed=value["files_pushed"],
                threads=threads,
            )
