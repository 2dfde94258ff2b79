# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notice what a stretch of code leaves behind: threads, descriptors, processes, temporary files."""

from __future__ import annotations

import gc
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from tests.lab import processes
from tests.lab.lab import Lab

_POLL_S = 0.05


class Watch:
    """Remember how things are now; left() tells later what has been added.

    lab: its processes on both sides and its hosts' temporary directories are watched too. temporary: a directory that
    has to be empty in the end. What is still going away is waited for.
    """

    def __init__(self, lab: Lab | None, temporary: Path) -> None:
        self._lab = lab
        self._temporary = temporary
        self._before = self._look()

    def left(self, timeout_s: float = 5.0) -> list[str]:
        """Return a line for each thing that is new and does not go away within timeout_s seconds."""
        limit = time.monotonic() + timeout_s
        while (new := self._new()) and time.monotonic() < limit:
            # An unreferenced cycle may hold a socket; that it is garbage makes it no leak.
            gc.collect()
            time.sleep(_POLL_S)
        lines = [_line(key, value) for key, value in sorted(new.items(), key=lambda item: str(item[0]))]
        # What is not ended here would be blamed on no later test, and stay.
        processes.end(value for value in new.values() if isinstance(value, processes.Process))
        return lines

    def _new(self) -> dict[object, object]:
        return {key: value for key, value in self._look().items() if key not in self._before}

    def _look(self) -> dict[object, object]:
        found: dict[object, object] = {("thread", t.ident): t.name for t in threading.enumerate()}
        found |= {("descriptor", number): what for number, what in _descriptors()}
        for process in self._processes():
            found["process", process.pid, process.start_ticks] = process
        directories = [self._temporary]
        if self._lab is not None:
            directories += self._lab.temporary_directories()
        for directory in directories:
            found |= {("file", str(path)): "" for path in directory.iterdir()}
        return found

    def _processes(self) -> Iterable[processes.Process]:
        yield from processes.descendants(os.getpid())
        if self._lab is not None:
            yield from self._lab.processes()


def _descriptors() -> Iterable[tuple[int, str]]:
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            # The descriptor that listdir itself had open.
            continue
        yield int(name), target


def _line(key: object, value: object) -> str:
    assert isinstance(key, tuple)
    text = value.command() if isinstance(value, processes.Process) else value
    return " ".join(str(part) for part in (*key[:2], text) if part != "")
