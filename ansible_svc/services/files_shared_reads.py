# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do a piece of I/O once for everybody who wants its result, and keep recent results.

Ten hosts that want the same block of a file, or a hundred threads that want the same file digested, are one
read. Knows nothing about files: it is given keys and functions.
"""

from __future__ import annotations

from collections import OrderedDict
from threading import Event, Lock
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

KeyT = TypeVar("KeyT", bound="Hashable")
ValueT = TypeVar("ValueT")


class _Read(Generic[ValueT]):
    """Hold the outcome of one read that is under way, for the thread that runs it and those that wait."""

    def __init__(self) -> None:
        self.finished = Event()
        self.value: ValueT | None = None
        self.error: BaseException | None = None


class SharedReads(Generic[KeyT, ValueT]):
    """Map keys to results that are read on demand; the least recently used are forgotten first.

    A failure reaches the threads that wait for it and is then forgotten: the next one tries again.

    Threads: ``get`` may be called from any thread. The first caller for a key runs the read; others block
    until it is done. Reads for different keys run at the same time.

    Guarded by: ``_lock`` guards ``_kept``, ``_kept_weight`` and ``_running``; no read happens under it.
    """

    def __init__(self, limit: int, weight: Callable[[ValueT], int]) -> None:
        """Make an empty table that keeps results up to a total *weight* of *limit*."""
        self._limit = limit
        self._weight = weight
        self._lock = Lock()
        self._kept: OrderedDict[KeyT, ValueT] = OrderedDict()  # the least recently used comes first
        self._kept_weight = 0
        self._running: dict[KeyT, _Read[ValueT]] = {}

    def get(
        self, key: KeyT, read: Callable[[], ValueT], keep: Callable[[ValueT], bool] = lambda _value: True
    ) -> ValueT:
        """Return the result for *key*, running *read* in this thread if nobody has yet.

        Parameters:
            key: names the result.
            read: computes it; called with no lock held.
            keep: asked after a successful read whether its result may serve later callers too; those who
                wait already get it in any case.

        Raises:
            Exception: whatever *read* raised, in every thread that waited for it.
        """
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
            running = self._running.get(key)
            mine = running is None
            if running is None:
                running = self._running[key] = _Read()
        if mine:
            self._run(key, running, read, keep)
        else:
            running.finished.wait()
        if running.error is not None:
            raise running.error.with_traceback(running.error.__traceback__)
        return running.value  # type: ignore[return-value]  # set, since there was no error

    def _run(
        self, key: KeyT, running: _Read[ValueT], read: Callable[[], ValueT], keep: Callable[[ValueT], bool]
    ) -> None:
        kept = False
        try:
            running.value = read()
            kept = keep(running.value)
        except BaseException as error:
            running.error = error
        with self._lock:
            del self._running[key]
            if kept:
                self._keep(key, running.value)  # type: ignore[arg-type]  # set, since it is kept
        running.finished.set()

    def _keep(self, key: KeyT, value: ValueT) -> None:
        weight = self._weight(value)
        if weight > self._limit:
            return
        self._kept[key] = value
        self._kept_weight += weight
        while self._kept_weight > self._limit:
            _, victim = self._kept.popitem(last=False)
            self._kept_weight -= self._weight(victim)
