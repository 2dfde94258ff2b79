# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Decide which requests run and which are answered by another one's run.

`Deduplicator` is a pure state machine: a method is an event, its return value a list of instructions for
the caller to perform. It holds no lock, starts no thread and calls nobody; see `dedup_invoker` for
the shell around it.

A key (see `keys.canonical_key`) is in one of these states:

    unknown    neither running nor kept. The next request starts a run.
    running    one run is under way and a list of waiters, the oldest first, wants its answer.
    orphaned   running, but the last waiter has gone, and the method cannot be told. It runs to its end and
               its answer is kept. The next request joins it.
    kept       a successful answer is held. Requests are answered at once. When the bytes of all kept
               answers exceed the limit, those least recently used become unknown.

When the last waiter goes and the method can be told (`cancellable`), the run is *abandoned*: the key is
unknown again, and whatever the run brings is dropped. Failures reach those who wait and are not kept.
"""

from __future__ import annotations

from collections import OrderedDict

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Hashable
    from typing import Any, Union

    Instruction = Union["Run", "Reply", "Abandon"]


class Run:
    """Instruct: run the method once, then report `succeed` or `fail` with this very object."""

    __slots__ = ("abandoned", "cancellable", "key", "waiters")

    def __init__(self, key: Hashable, cancellable: bool) -> None:
        self.key = key
        self.cancellable = cancellable
        self.abandoned = False
        #: Who wants the answer, in the order of arrival (a dict for removal in O(1)).
        self.waiters: dict[Any, None] = {}


class Reply:
    """Instruct: give this outcome to this waiter."""

    __slots__ = ("outcome", "waiter")

    def __init__(self, waiter: Any, outcome: Any) -> None:
        self.waiter = waiter
        self.outcome = outcome


class Abandon:
    """Instruct: tell the method of this run that nobody waits for it any longer."""

    __slots__ = ("run",)

    def __init__(self, run: Run) -> None:
        self.run = run


class Deduplicator:
    """
    Map requests to runs and kept answers.

    Threads: none; the caller serialises all calls.

    :param max_bytes: Limit for the cost of all kept answers. 0 keeps none.
    """

    def __init__(self, max_bytes: int) -> None:
        self.max_bytes = max_bytes
        self._running: dict[Hashable, Run] = {}
        self._run_of: dict[Any, Run] = {}
        #: key -> (outcome, bytes), least recently used first
        self._kept: OrderedDict[Hashable, tuple[Any, int]] = OrderedDict()
        self._kept_bytes = 0

    @property
    def kept_bytes(self) -> int:
        """Return the cost of all kept answers."""
        return self._kept_bytes

    @property
    def waiting(self) -> int:
        """Return the number of waiters of all runs."""
        return len(self._run_of)

    def arrive(self, key: Hashable, waiter: Any, cancellable: bool = False) -> list[Instruction]:
        """
        Note that somebody asks.

        :param key: What is asked for.
        :param waiter: Who asks: any hashable object, used for this one question only.
        :param cancellable: Whether a run can be told that nobody waits for it any longer.
        """
        kept = self._kept.get(key)
        if kept is not None:
            self._kept.move_to_end(key)
            return [Reply(waiter, kept[0])]
        run = self._running.get(key)
        started = run is None
        if run is None:
            run = self._running[key] = Run(key, cancellable)
        run.waiters[waiter] = None
        self._run_of[waiter] = run
        return [run] if started else []

    def succeed(self, run: Run, outcome: Any, cost_bytes: int) -> list[Instruction]:
        """
        Note that a run has brought an answer.

        :param cost_bytes: What keeping it costs. An answer above the limit is not kept.
        """
        if run.abandoned:
            return []
        replies = self._end(run, outcome)
        if cost_bytes <= self.max_bytes and self.max_bytes > 0:
            self._kept[run.key] = (outcome, cost_bytes)
            self._kept_bytes += cost_bytes
            self._evict()
        return replies

    def fail(self, run: Run, outcome: Any) -> list[Instruction]:
        """Note that a run has brought an error."""
        return [] if run.abandoned else self._end(run, outcome)

    def drop(self, waiter: Any) -> list[Instruction]:
        """Note that a waiter has gone. Unknown waiters (already answered) are ignored."""
        run = self._run_of.pop(waiter, None)
        if run is None:
            return []
        del run.waiters[waiter]
        if run.waiters or not run.cancellable:
            return []
        run.abandoned = True
        del self._running[run.key]
        return [Abandon(run)]

    def recharge(self, key: Hashable, outcome: Any, cost_bytes: int) -> None:
        """
        Note that keeping this answer now costs something else. Ignored when it is no longer kept.

        One above the limit goes, and no other with it.
        """
        kept = self._kept.get(key)
        if kept is None or kept[0] is not outcome:
            return
        if cost_bytes > self.max_bytes:
            self.forget(key)
        else:
            self._kept[key] = (kept[0], cost_bytes)
            self._kept_bytes += cost_bytes - kept[1]
            self._evict()

    def forget(self, key: Hashable) -> None:
        """Drop the kept answer of a key, if there is one."""
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._kept_bytes -= kept[1]

    def forget_all(self) -> None:
        """Drop all kept answers."""
        self._kept.clear()
        self._kept_bytes = 0

    def _end(self, run: Run, outcome: Any) -> list[Instruction]:
        del self._running[run.key]
        for waiter in run.waiters:
            del self._run_of[waiter]
        return [Reply(waiter, outcome) for waiter in run.waiters]

    def _evict(self) -> None:
        while self._kept_bytes > self.max_bytes:
            _, (_, cost_bytes) = self._kept.popitem(last=False)
            self._kept_bytes -= cost_bytes
