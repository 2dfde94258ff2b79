# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The task that the present thread runs, so that others can cancel what it waits for."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from ansible_svc.errors import CancelledError, DeadlineExceededError

if TYPE_CHECKING:
    from ansible_svc.engine.probe import Span
    from ansible_svc.service import Call
    from ansible_svc.services.files import FileOffer
    from ansible_svc.services.links import Uses

T = TypeVar("T", covariant=True)


class Waited(Protocol[T]):
    """Something under way, such as a service.Call or a connection that is being made (services/attempt.py)."""

    def result(self, timeout_s: float | None = None) -> T:
        """Wait for its result. Raises DeadlineExceededError when that takes longer than a number of seconds."""

    def cancel(self) -> Any:
        """End the waiting with CancelledError."""


_current = threading.local()


class BrokenOff(BaseException):
    """The run was broken off: nobody wants to hear of this task any longer.

    No Exception: plugins must not take it for a failure of theirs, nor ansible-core tell it as the result of an item.
    """


class Run:
    """One run of a task on a thread.

    Parameters:
        span: what the probe wants to know of it; None when there is no probe.
        may_leave: whether the task can start anew in a forked worker, see engine/leaving.py.
        uses: notes the connections that the task works with; None where there is nobody who would end that.

    Attributes:
        may_leave: False as soon as something of the task has happened: a host was asked, or an item was told.
        offers: what a copy that is under way has found local files to hold, by path; None when there is no such.

    Threads: ``cancel`` is used by any thread, the rest by the task's.
    Guarded by ``_lock``: what is waited for, and whether the run was cancelled.
    """

    def __init__(self, span: Span | None = None, *, may_leave: bool = False, uses: Uses | None = None) -> None:
        self.span = span
        self.uses = uses
        self.may_leave = may_leave
        self.offers: dict[str, FileOffer] | None = None
        self._lock = threading.Lock()
        self._waited: Waited[Any] | None = None
        self._cancelled = False
        self._limit: tuple[float, Callable[[], BaseException]] | None = None

    @contextlib.contextmanager
    def waiting_for(self, waited: Waited[Any]) -> Iterator[None]:
        """Let what is waited for be cancelled together with the run while the block waits for it."""
        with self._lock:
            self._waited = waited
            cancelled = self._cancelled
        if cancelled:
            waited.cancel()
        try:
            yield
        finally:
            with self._lock:
                self._waited = None

    def ask(self, call: Call) -> Any:
        """Return the result of a call to a host, which has happened then; see wait()."""
        self.may_leave = False
        return self.wait(call)

    def wait(self, waited: Waited[T]) -> T:
        """Return the result of something that is under way.

        When the run's limit passes before that, cancel it and raise the limit's error. Raises whatever its result()
        does, besides.
        """
        with self.waiting_for(waited):
            if self._limit is None:
                return waited.result()
            ends, error = self._limit
            try:
                return waited.result(max(0.0, ends - time.monotonic()))
            except DeadlineExceededError:
                waited.cancel()
                raise error() from None

    @contextlib.contextmanager
    def limit(self, seconds: float, error: Callable[[], BaseException]) -> Iterator[None]:
        """Let waits inside the block end, with an error, when so many seconds have passed since it began."""
        self._limit = time.monotonic() + seconds, error
        try:
            yield
        finally:
            self._limit = None

    @contextlib.contextmanager
    def copying(self) -> Iterator[None]:
        """Keep what local files are found to hold while the block runs."""
        self.offers = {}
        try:
            yield
        finally:
            self.offers = None

    def mark(self, phase: str) -> None:
        """Tell the probe, if there is one, that a phase begins; see probe.py."""
        if self.span is not None:
            self.span.mark(phase)

    def check(self) -> None:
        """Raise CancelledError when the run was cancelled."""
        with self._lock:
            if self._cancelled:
                raise CancelledError("the run of this task was cancelled")

    def end_if_cancelled(self) -> None:
        """Raise BrokenOff when the run was cancelled."""
        with self._lock:
            if self._cancelled:
                raise BrokenOff

    def cancel(self) -> None:
        """Cancel what the run waits for, and whatever it begins to wait for later."""
        with self._lock:
            self._cancelled = True
            waited = self._waited
        if waited is not None:
            waited.cancel()


def current_run() -> Run:
    """Return the run of the present thread; threads that run no task get one that nobody cancels."""
    run: Run | None = getattr(_current, "run", None)
    if run is None:
        run = _current.run = Run()
    return run


def start_anew() -> None:
    """Forget the run that the thread was in from which this process was forked."""
    _current.run = Run()


@contextlib.contextmanager
def running(run: Run) -> Iterator[Run]:
    """Make a run the present thread's."""
    previous = getattr(_current, "run", None)
    _current.run = run
    try:
        yield run
    finally:
        _current.run = previous
