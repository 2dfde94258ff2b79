# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a run did, counted."""

from __future__ import annotations

import threading

import pytest

from ansible_svc.engine.statistics import Counters


def test_nothing_yet() -> None:
    snapshot = Counters().snapshot(3)
    assert (snapshot.native, snapshot.forked, snapshot.stock, snapshot.reasons, snapshot.threads) == (0, 0, 0, {}, 3)


def test_counters_add_up_under_threads() -> None:
    counters = Counters()

    def count() -> None:
        for _ in range(1000):
            counters.add("native")
            counters.add("bytes_sent", 3)

    threads = [threading.Thread(target=count) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    snapshot = counters.snapshot(0)
    assert (snapshot.native, snapshot.bytes_sent, snapshot.round_trips) == (8000, 24000, 0)


def test_the_first_time_of_a_reason_is_told() -> None:
    counters = Counters()
    assert [counters.add_reason(reason) for reason in ("a", "b", "a", "a")] == [True, True, False, False]
    assert counters.snapshot(0).reasons == {"a": 3, "b": 1}


def test_a_snapshot_does_not_change() -> None:
    counters = Counters()
    counters.add_reason("a")
    snapshot = counters.snapshot(0)
    counters.add_reason("a")
    counters.add("forked")
    assert (snapshot.reasons, snapshot.forked) == ({"a": 1}, 0)
    with pytest.raises(AttributeError):
        snapshot.native = 1  # type: ignore[misc]
