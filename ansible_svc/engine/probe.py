# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When each host-task did what: off unless somebody asks the Runtime for it.

A host-task is one task for one host, loops and retries included. Its Span travels with its Run (running.py); whoever
works for it says which phase begins. Without a probe a Run has no Span and saying so is one comparison.

The phases, in the order in which they mostly come::

    queue     waiting for a free fork, from the moment when the strategy wanted to start it
    template  the controller's own work: variables, templates, the action plugin
    connect   making the connection, or waiting for whoever makes it
    send      putting the request together (building the module when nobody has yet), its way to the host, and what the
              host makes ready before it starts: files fetched or written
    run       the module or command
    receive   the answer's way back, and what is made of it until the strategy has the result

Of the time between a request and its answer, the host says how long it made ready and how long it ran; the rest is
the way there and back, which are taken as equally long. What runs as stock is all "run": svc has no part in it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from typing import Any

QUEUE, TEMPLATE, CONNECT, SEND, RUN, RECEIVE = PHASES = ("queue", "template", "connect", "send", "run", "receive")


class Span:
    """One host-task.

    Attributes:
        host: the inventory's name.
        task_id: the task's uuid.
        way, reason: see routes.Route.
        marks: (phase, when it began), in order; times are time.monotonic(), in seconds.
        ended: when the strategy had the result; None as long as it has not.

    Threads: those that work for the host-task, one at a time.
    """

    __slots__ = ("ended", "host", "marks", "reason", "task_id", "way")

    def __init__(self, host: str, task_id: str) -> None:
        self.host = host
        self.task_id = task_id
        self.way = ""
        self.reason = ""
        self.marks = [(QUEUE, time.monotonic())]
        self.ended: float | None = None

    def mark(self, phase: str) -> None:
        """Say that a phase begins."""
        self.marks.append((phase, time.monotonic()))

    def answered(self, sent: float, took: Sequence[float] | None) -> None:
        """Say that the answer to a request has come.

        Parameters:
            sent: when the request had been handed to the connection.
            took: seconds that the host made ready and that it ran, None when it did not say.
        """
        now = time.monotonic()
        ready_s, run_s = took if took is not None else (0.0, now - sent)
        way_s = max(0.0, now - sent - ready_s - run_s) / 2
        self.marks.append((RUN, min(now, sent + way_s + ready_s)))
        self.marks.append((RECEIVE, now - way_s))


class Probe:
    """All host-tasks of a run.

    Threads: the main thread begins, ansible-core's results thread ends. Guarded by ``_lock``: which are open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._open: dict[tuple[str, str], Span] = {}
        self._spans: list[Span] = []

    def begin(self, host: str, task_id: str) -> Span:
        """Return the span of a host-task that the strategy wants to start."""
        span = Span(host, task_id)
        with self._lock:
            self._open[host, task_id] = span
            self._spans.append(span)
        return span

    def end(self, result: Any) -> None:
        """Say that the strategy has a result (as ansible-core's results thread gives it)."""
        with self._lock:
            span = self._open.pop((result.host.name, result.task._uuid), None)
        if span is not None:
            span.ended = time.monotonic()

    def spans(self) -> list[Span]:
        """Return what was begun so far, in that order."""
        with self._lock:
            return list(self._spans)
