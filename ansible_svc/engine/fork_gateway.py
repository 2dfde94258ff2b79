# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let a forked worker use the Pool of the process it was forked from.

Before the fork a socket pair is made. The worker's ForkedAccess has the methods of Access; each call sends (number,
method, arguments) and waits for (number, succeeded, result or exception). The parent serves the other end with two
threads: one receives, the other works. When the worker asks anew before it was answered (its task's alarm went off), or
ends, what it asked before is cancelled. Both ends are one program run by one user, so what crosses is pickled by
multiprocessing.connection.
"""

from __future__ import annotations

import contextlib
import itertools
import multiprocessing
import queue
import signal
import threading
from collections.abc import Iterator
from multiprocessing.connection import Connection
from typing import Any

from ansible_svc.engine.access import Access
from ansible_svc.engine.probe import Span
from ansible_svc.engine.running import Run, running
from ansible_svc.errors import Error
from ansible_svc.services.links import Uses

_METHODS = frozenset(name for name in vars(Access) if not name.startswith("_"))

Request = tuple[int, str, tuple[Any, ...], dict[str, Any]]


@contextlib.contextmanager
def _alarm_held_back() -> Iterator[None]:
    """Let no task timeout (SIGALRM) cut a message in two."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class ForkedAccess:
    """Access in a forked worker.

    Parameters:
        channel: the child's end.

    Threads: a worker has one that runs its task.
    """

    def __init__(self, channel: Connection) -> None:
        self._channel = channel
        self._numbers = itertools.count(1)

    def __getattr__(self, method: str) -> Any:
        if method not in _METHODS:
            raise AttributeError(method)

        def ask(*args: Any, **kwargs: Any) -> Any:
            number = next(self._numbers)
            with _alarm_held_back():
                self._channel.send((number, method, args, kwargs))
            while True:
                self._channel.poll(None)  # here an alarm may come
                with _alarm_held_back():
                    answered, succeeded, value = self._channel.recv()
                if answered != number:
                    continue  # the answer to something that an alarm has interrupted
                if succeeded:
                    return value
                raise value

        return ask


class Gateway:
    """The parent's side of one forked worker.

    Parameters:
        access: what to call.
        span: for the probe, when there is one.

    Attributes:
        child_end: the worker's end.

    Threads: made and started by the main thread; ``_receive`` and ``_work`` have a thread each, which end when the
    worker closes its end: the kernel does that for it at the latest.
    """

    def __init__(self, access: Access, span: Span | None = None) -> None:
        self._access = access
        self._span = span
        self._uses = Uses()
        self._end, self.child_end = multiprocessing.Pipe(duplex=True)
        self._requests: queue.SimpleQueue[tuple[Request, Run] | None] = queue.SimpleQueue()

    def serve(self) -> None:
        """Start serving. Call this after the fork, so that the parent does not hold the child's end."""
        self.child_end.close()
        for target in (self._receive, self._work):
            threading.Thread(target=target, name="svc-fork-gateway", daemon=True).start()

    def in_child(self) -> ForkedAccess:
        """Return the child's access; call this in the child."""
        self._end.close()
        return ForkedAccess(self.child_end)

    def _receive(self) -> None:
        run = Run(self._span, uses=self._uses)
        while True:
            try:
                request = self._end.recv()
            except (EOFError, OSError):
                break
            run.cancel()
            run = Run(self._span, uses=self._uses)
            self._requests.put((request, run))
        run.cancel()
        self._requests.put(None)

    def _work(self) -> None:
        with self._end:
            while (item := self._requests.get()) is not None:
                (number, method, args, kwargs), run = item
                try:
                    with running(run):
                        run.check()
                        answer = True, getattr(self._access, method)(*args, **kwargs)
                except Exception as error:  # every failure is the worker's to handle
                    answer = False, error
                self._send(number, *answer)
        self._uses.end()

    def _send(self, number: int, succeeded: bool, value: Any) -> None:
        try:
            self._end.send((number, succeeded, value))
        except OSError:
            return  # the worker has gone; the receiving thread sees that as well
        except Exception as error:  # whatever pickling raises: nothing was sent yet
            self._send(number, False, Error(f"a {type(value).__name__} cannot be sent to a forked worker: {error}"))
