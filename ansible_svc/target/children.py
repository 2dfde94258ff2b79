# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The processes that a zygote has running: their pipes, what they write, and how they end."""

from __future__ import annotations

import errno
import os
import selectors
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

    from ansible_svc.target.idle import Runner

_READ_BYTES = 1 << 18


def has_children() -> bool:
    """Tell whether this process has children, running or not yet waited for."""
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:
        return False
    return True


class Child:
    """One running process: its pid, its pipes and what it has written so far."""

    def __init__(self, number: int, pid: int) -> None:
        self.number = number
        self.pid = pid
        self.output = {"out": bytearray(), "err": bytearray()}
        self.readers: dict[int, str] = {}
        self.terminal: int | None = None
        self.stdin: int | None = None
        self.to_write = memoryview(b"")
        self.status: int | None = None
        self.runner: Runner | None = None

    @property
    def code(self) -> int:
        """How it ended: its exit status, or minus the number of the signal that ended it."""
        assert self.status is not None
        return -os.WTERMSIG(self.status) if os.WIFSIGNALED(self.status) else os.WEXITSTATUS(self.status)


class Children:
    """The running processes of a zygote.

    Parameters:
        selector: the event loop's; calls what is registered with the descriptor.
        finished: called with a child when it has ended and all that it wrote is read; see Child.code.

    Threads: one.
    """

    def __init__(self, selector: selectors.BaseSelector, finished: Callable[[Child], None]) -> None:
        self._selector = selector
        self._finished = finished
        self._by_number: dict[int, Child] = {}
        self._by_pid: dict[int, Child] = {}

    def __len__(self) -> int:
        return len(self._by_number)

    def add(self, number: int, pid: int) -> Child:
        """Take in a process that was started for a request."""
        child = Child(number, pid)
        self._by_number[number] = self._by_pid[pid] = child
        return child

    def watch(self, child: Child, descriptor: int, name: str) -> None:
        """Collect what comes out of a descriptor, which is closed at its end, as "out" or "err"."""
        os.set_blocking(descriptor, False)
        child.readers[descriptor] = name
        self._selector.register(descriptor, selectors.EVENT_READ, lambda fd: self._read(child, fd))

    def feed(self, child: Child, descriptor: int, data: bytes) -> None:
        """Write data to a descriptor as it is taken, then close that."""
        os.set_blocking(descriptor, False)
        child.stdin = descriptor
        child.to_write = memoryview(data)
        self._selector.register(descriptor, selectors.EVENT_WRITE, lambda fd: self._write(child))

    def answered(self, pid: int) -> Child:
        """Forget the request of a process that has answered by itself and goes on living."""
        child = self._by_pid.pop(pid)
        del self._by_number[child.number]
        return child

    def reaped(self, pid: int) -> Child | None:
        """Return the child with the number of a process that was waited for, None when it has no request."""
        return self._by_pid.pop(pid, None)

    def ended(self, child: Child, status: int) -> None:
        """Take note that a child has ended with a wait status (wait(2))."""
        child.status = status
        self._finish_if_over(child)

    def kill(self, number: int) -> None:
        """Kill the process group of a request; nothing happens when it is over already."""
        child = self._by_number.get(number)
        if child is not None:
            self._kill(child)

    def kill_all(self) -> None:
        """Kill the process groups of all requests."""
        for child in list(self._by_number.values()):
            self._kill(child)

    def _write(self, child: Child) -> None:
        try:
            written = os.write(child.stdin, child.to_write)  # type: ignore[arg-type]
        except BlockingIOError:
            return
        except OSError:  # the process closed its standard input: it does not want the rest
            written = len(child.to_write)
        child.to_write = child.to_write[written:]
        if not child.to_write:
            self._close_stdin(child)

    def _close_stdin(self, child: Child) -> None:
        if child.stdin is not None:
            self._selector.unregister(child.stdin)
            os.close(child.stdin)
            child.stdin = None

    def _read(self, child: Child, descriptor: int) -> bool:
        """Read once; return whether there was something, closing the descriptor at its end."""
        try:
            data = os.read(descriptor, _READ_BYTES)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno != errno.EIO:  # EIO: nobody has the terminal's other side open
                raise
            data = b""
        child.output[child.readers[descriptor]] += data
        if not data:
            self._selector.unregister(descriptor)
            del child.readers[descriptor]
            if descriptor != child.terminal:  # closing that one would send its process SIGHUP
                os.close(descriptor)
            self._finish_if_over(child)
        return bool(data)

    def _finish_if_over(self, child: Child) -> None:
        """Answer when the process has ended; what it left running may keep its pipes, but nobody waits for that."""
        if child.status is None or child.number not in self._by_number:
            return
        for descriptor in list(child.readers):
            while descriptor in child.readers and self._read(child, descriptor):
                continue
        if child.number not in self._by_number:
            return
        del self._by_number[child.number]
        for descriptor in list(child.readers):
            self._selector.unregister(descriptor)
            if descriptor != child.terminal:
                os.close(descriptor)
        child.readers.clear()
        if child.terminal is not None:
            os.close(child.terminal)
        self._close_stdin(child)
        self._finished(child)

    def _kill(self, child: Child) -> None:
        """Kill as much of a request's process group as this user may; what has become another user goes on."""
        try:
            os.killpg(child.pid, signal.SIGKILL)
        except PermissionError:
            return
        except ProcessLookupError:
            # It has not made its own group yet, or it has ended; its number is still its own, since only we reap it.
            os.kill(child.pid, signal.SIGKILL)
        if child.runner is not None:
            os.kill(child.pid, signal.SIGKILL)  # it may be out of its group, looking at what is left there
