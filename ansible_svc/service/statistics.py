# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Describe what a Pool has done so far. Loaded when somebody asks; targets rarely do."""

from __future__ import annotations

from typing import NamedTuple

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


class MethodStatistics(NamedTuple):
    """
    Hold the counts of one method of one service, or a sum of several.

    `calls` counts requests that have ended, however they ended; `errors` those that ended with an error
    other than a refusal; `refused` those that were never run (permission, arguments, size, unknown names, full
    queue); `deduplicated` those answered by another request's run or by a kept answer; `runs` how often
    the method itself ran, for `time_s` seconds in all. `bytes_in` and `bytes_out` count whole frames.
    """

    calls: int = 0
    errors: int = 0
    refused: int = 0
    deduplicated: int = 0
    runs: int = 0
    time_s: float = 0.0
    bytes_in: int = 0
    bytes_out: int = 0


class PoolStatistics(NamedTuple):
    """
    Hold the state and the counts of one Pool at one moment.

    `open_requests`: accepted and not answered yet, whether they wait, run, or were deferred.
    `queue_length`: jobs that wait for a thread now; `queue_high_water`: the most there ever were.
    `busy_threads`: threads that run a job now; `busy_threads_high_water`: the most there ever were.
    `services`: canonical name (or handle) -> method -> counts. Requests for names that do not exist are
    counted under the service ``"?"``; messages handled by `on_message_received` under that name.
    """

    threads: int
    open_requests: int
    open_high_water: int
    queue_length: int
    queue_high_water: int
    busy_threads: int
    busy_threads_high_water: int
    total: MethodStatistics
    services: Mapping[str, Mapping[str, MethodStatistics]]
