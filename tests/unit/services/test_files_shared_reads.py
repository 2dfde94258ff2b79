# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One read for everybody who asks at the same time, and a bounded memory of results."""

from __future__ import annotations

import threading

import pytest

from ansible_svc.services import files_shared_reads
from ansible_svc.services.files_shared_reads import SharedReads


class Reading:
    """Count reads and hold them until they are let go."""

    def __init__(self, value: str = "value", error: Exception | None = None) -> None:
        self.count = 0
        self.may_finish = threading.Event()
        self.value = value
        self.error = error

    def __call__(self) -> str:
        self.count += 1
        assert self.may_finish.wait(10)
        if self.error is not None:
            raise self.error
        return self.value


class WatchedEvent(threading.Event):
    """Tell when a thread begins to wait for another's read."""

    waiting = threading.Semaphore(0)

    def wait(self, timeout: float | None = None) -> bool:
        self.waiting.release()
        return super().wait(timeout)


def run_together(count: int, reading: Reading, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """Have *count* threads ask for one key while its read is held; return what each got."""
    monkeypatch.setattr(files_shared_reads, "Event", WatchedEvent)
    reads = SharedReads[str, str](100, len)
    results: list[object] = []

    def ask() -> None:
        try:
            results.append(reads.get("key", reading))
        except OSError as error:
            results.append(error)

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for thread in threads:
        thread.start()
    for _ in range(count - 1):
        assert WatchedEvent.waiting.acquire(timeout=10)
    reading.may_finish.set()
    for thread in threads:
        thread.join()
    return results


def test_those_who_wait_share_one_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading()
    assert run_together(10, reading, monkeypatch) == ["value"] * 10
    assert reading.count == 1


def test_those_who_wait_share_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    error = OSError("broken")
    reading = Reading(error=error)
    assert run_together(3, reading, monkeypatch) == [error] * 3
    assert reading.count == 1


def test_a_failure_is_not_kept() -> None:
    reads = SharedReads[str, str](100, len)

    def fail() -> str:
        raise OSError("broken")

    with pytest.raises(OSError, match="broken"):
        reads.get("key", fail)
    assert reads.get("key", lambda: "value") == "value"


def test_a_result_is_kept() -> None:
    reads = SharedReads[str, str](100, len)
    assert reads.get("key", lambda: "first") == "first"
    assert reads.get("key", lambda: "second") == "first"


def test_a_result_that_may_not_be_kept_is_read_again() -> None:
    reads = SharedReads[str, str](100, len)
    assert reads.get("key", lambda: "first", keep=lambda _value: False) == "first"
    assert reads.get("key", lambda: "second") == "second"


def test_the_least_recently_used_results_are_forgotten() -> None:
    reads = SharedReads[str, str](10, len)
    for key in "abc":
        reads.get(key, lambda key=key: key * 3)
    reads.get("a", lambda: "other")
    reads.get("d", lambda: "ddd")
    assert reads.get("a", lambda: "other") == "aaa"
    assert reads.get("b", lambda: "other") == "other"


def test_a_result_above_the_limit_is_not_kept_and_displaces_nothing() -> None:
    reads = SharedReads[str, str](10, len)
    reads.get("small", lambda: "s")
    assert reads.get("large", lambda: "l" * 11) == "l" * 11
    assert reads.get("large", lambda: "again") == "again"
    assert reads.get("small", lambda: "other") == "s"
