# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""End what tasks on threads have started on the controller, when a run is broken off.

ansible-core's workers are session leaders and pass a signal on to their process group (WorkerProcess._term). What a
lookup or an action plugin starts on a thread of ours is a child of ansible-playbook itself, beside the ssh clients and
agents of the transport and beside forked workers, which know how to end.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from types import FrameType
from typing import Any

from ansible_svc.transport.process import connection_pids


def end_task_children() -> None:
    """Send SIGTERM to every process that a task on a thread has started, and to all that these have started."""
    known = connection_pids() | {process.pid for process in multiprocessing.active_children()}
    children: defaultdict[int, list[int]] = defaultdict(list)
    for pid, parent in _processes():
        children[parent].append(pid)
    waiting = [pid for pid in children[os.getpid()] if pid not in known]
    while waiting:
        pid = waiting.pop()
        waiting += children[pid]
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGTERM)


def end_task_children_on_sigterm() -> None:
    """Have SIGTERM end those processes before it does what it does (TaskQueueManager sets a handler for it).

    Threads: the main thread only.
    """
    handler: Any = signal.getsignal(signal.SIGTERM)
    if callable(handler) and not isinstance(handler, _EndChildrenFirst):
        signal.signal(signal.SIGTERM, _EndChildrenFirst(handler))


class _EndChildrenFirst:
    def __init__(self, handler: Any) -> None:
        self._handler = handler

    def __call__(self, number: int, frame: FrameType | None) -> None:
        end_task_children()
        self._handler(number, frame)


def _processes() -> Iterator[tuple[int, int]]:
    """Give every process's number and its parent's: from proc(5), elsewhere from ps(1)."""
    if not os.path.exists("/proc/self/stat"):
        listed = subprocess.run(["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=False)
        for line in listed.stdout.splitlines():
            pid, parent = line.split()
            yield int(pid), int(parent)
        return
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            with contextlib.suppress(OSError):
                # the name, in parentheses, may hold anything; the state and the parent follow it
                yield int(entry), int(Path("/proc", entry, "stat").read_bytes().rpartition(b")")[2].split()[1])
