# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The state machine of deduplication: events in, instructions out."""

from __future__ import annotations

from typing import Any

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, rule

from ansible_svc.service.dedup import Abandon, Deduplicator, Reply, Run


def only_run(instructions: list[Any]) -> Run:
    (run,) = instructions
    assert isinstance(run, Run)
    return run


def replies(instructions: list[Any]) -> list[tuple[Any, Any]]:
    assert all(isinstance(item, Reply) for item in instructions)
    return [(item.waiter, item.outcome) for item in instructions]


def test_one_runs_and_everyone_is_answered_in_order() -> None:
    machine = Deduplicator(100)
    run = only_run(machine.arrive("k", "a"))
    assert machine.arrive("k", "b") == []
    assert machine.arrive("k", "c") == []
    assert replies(machine.succeed(run, "answer", 10)) == [("a", "answer"), ("b", "answer"), ("c", "answer")]
    assert machine.waiting == 0


def test_different_keys_run_side_by_side() -> None:
    machine = Deduplicator(100)
    assert only_run(machine.arrive("k", "a")) is not only_run(machine.arrive("l", "b"))


def test_an_answer_is_kept() -> None:
    machine = Deduplicator(100)
    machine.succeed(only_run(machine.arrive("k", "a")), "answer", 10)
    assert replies(machine.arrive("k", "b")) == [("b", "answer")]


def test_a_failure_reaches_those_who_wait_and_is_not_kept() -> None:
    machine = Deduplicator(100)
    run = only_run(machine.arrive("k", "a"))
    machine.arrive("k", "b")
    assert replies(machine.fail(run, "error")) == [("a", "error"), ("b", "error")]
    assert only_run(machine.arrive("k", "c")) is not run


def test_a_waiter_who_goes_disturbs_nobody() -> None:
    machine = Deduplicator(100)
    run = only_run(machine.arrive("k", "a", cancellable=True))
    machine.arrive("k", "b")
    assert machine.drop("a") == []
    assert replies(machine.succeed(run, "answer", 10)) == [("b", "answer")]


def test_dropping_someone_who_was_answered_or_never_came_is_ignored() -> None:
    machine = Deduplicator(100)
    machine.succeed(only_run(machine.arrive("k", "a")), "answer", 10)
    assert machine.drop("a") == []
    assert machine.drop("nobody") == []


def test_when_the_last_one_goes_a_run_that_can_be_told_is_abandoned() -> None:
    machine = Deduplicator(100)
    run = only_run(machine.arrive("k", "a", cancellable=True))
    machine.arrive("k", "b")
    machine.drop("a")
    (abandon,) = machine.drop("b")
    assert isinstance(abandon, Abandon)
    assert abandon.run is run
    # Whatever it brings is dropped, and the next request starts afresh.
    second = only_run(machine.arrive("k", "c"))
    assert machine.succeed(run, "stale", 10) == []
    assert machine.fail(run, "stale") == []
    assert replies(machine.succeed(second, "fresh", 10)) == [("c", "fresh")]


def test_when_the_last_one_goes_a_run_that_cannot_be_told_goes_on() -> None:
    machine = Deduplicator(100)
    run = only_run(machine.arrive("k", "a"))
    assert machine.drop("a") == []
    assert machine.arrive("k", "b") == []
    assert replies(machine.succeed(run, "answer", 10)) == [("b", "answer")]


def test_the_answer_of_an_orphaned_run_is_kept() -> None:
    machine = Deduplicator(100)
    run = only_run(machine.arrive("k", "a"))
    machine.drop("a")
    assert machine.succeed(run, "answer", 10) == []
    assert replies(machine.arrive("k", "b")) == [("b", "answer")]


def keep(machine: Deduplicator, key: str, cost_bytes: int) -> None:
    machine.succeed(only_run(machine.arrive(key, object())), key, cost_bytes)


def is_kept(machine: Deduplicator, key: str) -> bool:
    waiter = object()
    (instruction,) = machine.arrive(key, waiter)
    if isinstance(instruction, Run):
        machine.fail(instruction, None)
        return False
    return True


def test_the_least_recently_used_answers_make_room() -> None:
    machine = Deduplicator(100)
    keep(machine, "a", 40)
    keep(machine, "b", 40)
    assert is_kept(machine, "a")
    keep(machine, "c", 40)
    assert machine.kept_bytes == 80
    assert [is_kept(machine, key) for key in "abc"] == [True, False, True]


def test_an_answer_above_the_limit_is_not_kept_and_displaces_nothing() -> None:
    machine = Deduplicator(100)
    keep(machine, "a", 40)
    keep(machine, "b", 101)
    assert [is_kept(machine, key) for key in "ab"] == [True, False]


def test_a_limit_of_nothing_keeps_nothing() -> None:
    machine = Deduplicator(0)
    keep(machine, "a", 0)
    assert not is_kept(machine, "a")


def test_an_answer_can_come_to_cost_more() -> None:
    machine = Deduplicator(100)
    answer = object()
    machine.succeed(only_run(machine.arrive("a", "waiter")), answer, 40)
    keep(machine, "b", 40)
    machine.recharge("a", object(), 1)
    assert machine.kept_bytes == 80
    machine.recharge("a", answer, 90)
    assert machine.kept_bytes == 40
    assert [is_kept(machine, key) for key in "ab"] == [False, True]


def test_answers_can_be_forgotten() -> None:
    machine = Deduplicator(100)
    for key in "abc":
        keep(machine, key, 10)
    machine.forget("a")
    machine.forget("never there")
    assert machine.kept_bytes == 20
    assert not is_kept(machine, "a")
    machine.forget_all()
    assert machine.kept_bytes == 0
    assert not is_kept(machine, "b")


class Everything(RuleBasedStateMachine):
    """Whatever happens in whatever order: one reply each, one run per key, bytes within the limit."""

    waiters = Bundle("waiters")

    def __init__(self) -> None:
        super().__init__()
        self.machine = Deduplicator(50)
        self.count = 0
        self.open: set[int] = set()
        self.live: dict[Any, Run] = {}

    def perform(self, instructions: list[Any]) -> Any:
        started = []
        for item in instructions:
            if isinstance(item, Reply):
                self.open.remove(item.waiter)  # KeyError: answered twice, or after it was dropped
            elif isinstance(item, Abandon):
                assert self.live.pop(item.run.key) is item.run
            else:
                assert item.key not in self.live
                self.live[item.key] = item
                started.append(item)
        return started

    @rule(target=waiters, key=st.sampled_from("abc"), cancellable=st.booleans())
    def arrive(self, key: str, cancellable: bool) -> int:
        self.count += 1
        self.open.add(self.count)
        self.perform(self.machine.arrive(key, self.count, cancellable))
        return self.count

    @rule(waiter=consumes(waiters))
    def drop(self, waiter: int) -> None:
        self.open.discard(waiter)
        self.perform(self.machine.drop(waiter))

    @rule(key=st.sampled_from("abc"), cost_bytes=st.integers(0, 60))
    def succeed(self, key: str, cost_bytes: int) -> None:
        run = self.live.pop(key, None)
        if run is not None:
            self.perform(self.machine.succeed(run, object(), cost_bytes))

    @rule(key=st.sampled_from("abc"))
    def fail(self, key: str) -> None:
        run = self.live.pop(key, None)
        if run is not None:
            self.perform(self.machine.fail(run, object()))

    @rule(key=st.sampled_from("abc"))
    def forget(self, key: str) -> None:
        self.machine.forget(key)

    @invariant()
    def everyone_who_waits_has_a_run(self) -> None:
        assert self.machine.waiting == len(self.open)
        assert {waiter for run in self.live.values() for waiter in run.waiters} == self.open

    @invariant()
    def bytes_are_within_the_limit(self) -> None:
        assert 0 <= self.machine.kept_bytes <= 50


Everything.TestCase.settings = settings(max_examples=50, stateful_step_count=40)
TestEverything = Everything.TestCase
