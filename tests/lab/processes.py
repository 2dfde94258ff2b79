# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find and end the processes that belong to a lab, and no others.

A process belongs to a lab when it descends from the lab's sshd, or when its environment carries the lab's marker
(`SVC_LAB=<dir>`), which survives daemonising and, through the lab's sudoers file, sudo. Facts come from /proc
(proc(5)).
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from tests.lab.errors import LabError

MARKER = "SVC_LAB"

_PROC = Path("/proc")
_GONE = (FileNotFoundError, ProcessLookupError, PermissionError)


@dataclass(frozen=True)
class Process:
    """Identify one process for good: a pid alone may be given to another process later.

    start_ticks is field 22 of /proc/PID/stat, in clock ticks since boot.
    """

    pid: int
    ppid: int
    start_ticks: int
    name: str

    def alive(self) -> bool:
        """Tell whether this very process still runs (a zombie does not)."""
        now = look(self.pid)
        return now is not None and now.start_ticks == self.start_ticks

    def command(self) -> str:
        """Return the command line for messages, or the short name when it can not be read."""
        try:
            raw = (_PROC / str(self.pid) / "cmdline").read_bytes()
        except _GONE:
            raw = b""
        return raw.replace(b"\0", b" ").decode(errors="replace").strip() or self.name


def look(pid: int) -> Process | None:
    """Return the running process with this pid, or None when there is none or it is a zombie."""
    try:
        stat = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except _GONE:
        return None
    name, _, rest = stat.partition("(")[2].rpartition(")")
    fields = rest.split()
    if fields[0] in "ZX":
        return None
    return Process(pid=pid, ppid=int(fields[1]), start_ticks=int(fields[19]), name=name)


def everything() -> list[Process]:
    """List all running processes that this user may see."""
    found = (look(int(entry.name)) for entry in _PROC.iterdir() if entry.name.isdigit())
    return [process for process in found if process is not None]


def descendants(*roots: int) -> list[Process]:
    """List the processes below the given pids, at any depth, without the roots themselves."""
    children: dict[int, list[Process]] = {}
    for process in everything():
        children.setdefault(process.ppid, []).append(process)
    found: list[Process] = []
    open_pids = list(roots)
    while open_pids:
        below = children.get(open_pids.pop(), [])
        found.extend(below)
        open_pids.extend(process.pid for process in below)
    return found


def marked(value: str) -> list[Process]:
    """List the processes whose environment at exec time held the marker with this value, but not the caller."""
    needle = f"{MARKER}={value}".encode()
    found = []
    for process in everything():
        try:
            environ = (_PROC / str(process.pid) / "environ").read_bytes()
        except _GONE:
            continue
        if needle in environ.split(b"\0") and process.pid != os.getpid():
            found.append(process)
    return found


def end(processes: Iterable[Process], grace_s: float = 3.0) -> None:
    """Ask the processes to end, and kill those that have not ended after grace_s seconds.

    Raises LabError when one survives even that.
    """
    remaining = list(processes)
    for number, wait_s in ((signal.SIGTERM, grace_s), (signal.SIGKILL, 5.0)):
        for process in remaining:
            if process.alive():
                _signal(process.pid, number)
        remaining = wait_gone(remaining, wait_s)
        if not remaining:
            return
    raise LabError("processes survived SIGKILL: " + ", ".join(f"{p.pid} {p.command()}" for p in remaining))


def wait_gone(processes: Iterable[Process], timeout_s: float) -> list[Process]:
    """Wait until the processes have ended; return those that have not when timeout_s seconds are over."""
    limit = time.monotonic() + timeout_s
    remaining = [process for process in processes if process.alive()]
    while remaining and time.monotonic() < limit:
        time.sleep(0.02)
        remaining = [process for process in remaining if process.alive()]
    return remaining


def _signal(pid: int, number: int) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
