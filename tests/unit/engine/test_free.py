# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Between two rounds a free strategy waits as long as there is nothing to do, and no longer."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_svc.engine import strategy as strategies
from ansible_svc.engine.free import NativeFreeStrategy
from ansible_svc.engine.results import ResultQueue
from ansible_svc.engine.slots import MEANWHILE_S

LONG_S = 60.0


class Strategy(NativeFreeStrategy):
    """A strategy without a play, which has what StrategyBase has as far as a round needs it."""

    def __init__(self) -> None:
        self._svc_went_on = False
        self._svc_ended = self._svc_ended_before = 0
        self._svc_slots = SimpleNamespace(wake=lambda: None)
        self._results_lock = threading.Condition()
        self._results = ResultQueue(self._results_lock)
        self._pending_results = 1
        self._workers: list[Any] = []


@pytest.fixture
def strategy(monkeypatch: pytest.MonkeyPatch) -> Strategy:
    monkeypatch.setattr(strategies, "_DEAD_WORKER_CHECK_S", LONG_S)
    return Strategy()


def paused_s(strategy: Strategy, meanwhile: Callable[[], None] = lambda: None) -> float:
    """Return how long it pauses when something happens once it waits."""
    began = time.monotonic()
    thread = threading.Thread(target=strategy._svc_pause, args=(0.001,))
    thread.start()
    while thread.is_alive() and not strategy._results_lock._waiters:  # type: ignore[attr-defined]
        time.sleep(0.001)
    meanwhile()
    thread.join(LONG_S)
    return time.monotonic() - began


def test_a_result_ends_the_pause(strategy: Strategy) -> None:
    def arrive() -> None:
        with strategy._results_lock:
            strategy._results.append("a result")

    assert paused_s(strategy, arrive) < LONG_S / 2
    assert paused_s(strategy) < LONG_S / 2, "it is still there"


def test_the_end_of_a_task_ends_the_pause_even_when_it_was_a_moment_before(strategy: Strategy) -> None:
    assert paused_s(strategy, strategy._svc_on_end) < LONG_S / 2
    strategy._svc_on_end()
    assert paused_s(strategy) < LONG_S / 2


def test_there_is_no_pause_after_something_was_done(strategy: Strategy) -> None:
    strategy._svc_went_on = True
    assert paused_s(strategy) < LONG_S / 2
    assert not strategy._svc_went_on


def test_nothing_is_waited_for_when_nothing_is_pending(strategy: Strategy) -> None:
    strategy._pending_results = 0
    assert paused_s(strategy) < LONG_S / 2


def test_it_waits_otherwise(strategy: Strategy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strategies, "_DEAD_WORKER_CHECK_S", 0.2)
    assert paused_s(strategy) >= 0.2


@pytest.mark.parametrize(
    ("alive", "asks", "patience_s"), [(True, False, MEANWHILE_S), (False, False, LONG_S), (False, True, MEANWHILE_S)]
)
def test_what_nobody_tells_is_looked_at(strategy: Strategy, alive: bool, asks: bool, patience_s: float) -> None:
    strategy._workers = [None, SimpleNamespace(sentinel=1, is_alive=lambda: alive)]
    if asks:
        strategy._process_rpc_queue = lambda: None
    assert strategy._svc_patience_s() == patience_s
