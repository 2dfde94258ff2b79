# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a command and account for the CPU time of all that came of it.

The process makes itself a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): what daemonises below it becomes its own
child, above all the ssh masters that ControlPersist leaves behind, which encrypt everything under ansible-core's own
strategies. These are ended after the run, so that their time counts and the next run begins without connections.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

_PR_SET_CHILD_SUBREAPER = 36
_PATIENCE_S = 5.0


@dataclass(frozen=True)
class Cost:
    """What a run cost: seconds until it ended, seconds of CPU of the processes of this machine that it started."""

    rc: int
    wall_s: float
    cpu_s: float


def adopt_orphans() -> bool:
    """Make this process the one that inherits its descendants; False where that does not exist (Linux has it)."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0)


def measured(command: Sequence[str], environment: Mapping[str, str], output: IO[bytes]) -> Cost:
    """Run a command to its end; standard output and error go to a file, standard input is empty.

    The process must have no other children. Raises KeyboardInterrupt once the command has ended of it.
    """
    before = _children_cpu_s()
    begun = time.monotonic()
    process = subprocess.Popen(
        command, env=environment, stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
    )
    try:
        rc = process.wait()
    except KeyboardInterrupt:
        process.wait()  # it got the same signal from the terminal
        _end_ssh_masters()
        raise
    wall_s = time.monotonic() - begun
    _end_ssh_masters()
    return Cost(rc, wall_s, _children_cpu_s() - before)


def _children_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _end_ssh_masters() -> None:
    """End the ssh clients that were left to this process, and reap whatever has ended."""
    ends = time.monotonic() + _PATIENCE_S
    asked: set[int] = set()
    while time.monotonic() < ends:
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        masters = [pid for pid, name in _children() if name == "ssh"]
        if not masters:
            return
        for pid in masters:
            if pid not in asked:
                asked.add(pid)
                os.kill(pid, signal.SIGTERM)  # a child that was not waited for keeps its number
        time.sleep(0.01)


def _children() -> list[tuple[int, str]]:
    """Return number and name of this process's children (proc_pid_stat(5): pid (comm) state ppid)."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = path.read_text(errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            continue
        head, _, tail = text.rpartition(")")
        state, parent = tail.split()[:2]
        if int(parent) == os.getpid() and state != "Z":
            number, _, name = head.partition(" (")
            found.append((int(number), name))
    return found
