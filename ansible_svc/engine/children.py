# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End what tasks on threads have started on the controller, when a run is broken off.

ansible-core's workers are session leaders and pass a signal on to their process group (WorkerProcess._term). What a
lookup or an action plugin starts on a thread of ours is a child of ansible-playbook itself, beside the ssh clients and
agents of the transport and beside forked workers, which know how to end. So may be what ansible-playbook was started
with: in ``ansible-playbook site.yml > >(tee log)`` the shell forks, starts tee and becomes ansible-playbook.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from ansible_svc.target.children import has_children
from ansible_svc.transport.process import connection_pids

# States of a process that starts no other: stopped, traced, dead (proc(5), ps(1)).
_STILL = frozenset("TtZXx")
# Bound on the wait for a process that the kernel does not let stop.
_STOPPING_S = 1.0


class TaskChildren:
    """The children of this process that tasks on threads have started: those that were not there when this was made.

    (Their numbers are enough: a child that has ended keeps its number until this process has asked for its status.)

    Threads: made by the main thread, which also runs the handler of SIGTERM.
    """

    def __init__(self) -> None:
        self._before: frozenset[int] = frozenset()
        if has_children():  # asking that takes no time; looking at every process does
            self._before = frozenset(pid for pid, parent, _state in _processes() if parent == os.getpid())

    def end(self) -> None:
        """Send SIGTERM to every process that a task on a thread has started, and to all that these have started.

        They are stopped first, until nobody new is found: one that ends before its newest child was seen would leave
        that child to init, where nobody finds it.
        """
        stopped: set[int] = set()
        all_still = False
        until = time.monotonic() + _STOPPING_S
        while time.monotonic() < until:
            found = self._processes()
            new = found.keys() - stopped
            if all_still and not new:  # a look that began when all were still has found nobody new
                break
            for pid in new:
                _send(pid, signal.SIGSTOP)
            stopped |= new
            all_still = not new and _STILL.issuperset(found.values())
        for pid in stopped:
            _send(pid, signal.SIGTERM)
            _send(pid, signal.SIGCONT)

    def end_on_sigterm(self) -> None:
        """Have SIGTERM end those processes before it does what it does (TaskQueueManager sets a handler for it)."""
        handler: Any = signal.getsignal(signal.SIGTERM)
        if callable(handler) and not isinstance(handler, _EndChildrenFirst):
            signal.signal(signal.SIGTERM, _EndChildrenFirst(self, handler))

    def _processes(self) -> dict[int, str]:
        """Return those processes, and all that they have started, with their states."""
        known = self._before | connection_pids() | {process.pid for process in multiprocessing.active_children()}
        children: defaultdict[int, list[int]] = defaultdict(list)
        states = {}
        for pid, parent, state in _processes():
            children[parent].append(pid)
            states[pid] = state
        waiting = [pid for pid in children[os.getpid()] if pid not in known]
        found = {}
        while waiting:
            pid = waiting.pop()
            waiting += children[pid]
            found[pid] = states[pid]
        return found


def _send(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


class _EndChildrenFirst:
    def __init__(self, children: TaskChildren, handler: Any) -> None:
        self._children = children
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        self._children.end()
        self._handler(number, frame)


def _processes() -> Iterator[tuple[int, int, str]]:
    """Give every process's number, its parent's and the letter of its state: from proc(5), elsewhere from ps(1)."""
    if not os.path.exists("/proc/self/stat"):
        with subprocess.Popen(["ps", "-A", "-o", "pid=,ppid=,state="], stdout=subprocess.PIPE, text=True) as ps:
            lines = [line.split() for line in ps.communicate()[0].splitlines()]
        yield from ((int(pid), int(parent), state[:1]) for pid, parent, state in lines if int(pid) != ps.pid)
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                # the name, in parentheses, may hold anything; the state and the parent follow it
                state, parent = (
                    Path("/proc", entry, "stat").read_text("utf-8", "replace").rpartition(")")[2].split()[:2]
                )
                yield int(entry), int(parent), state
