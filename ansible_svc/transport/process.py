# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the process that a mitogen connection talks to, and notice its end."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from typing import Any

import mitogen.core
import mitogen.parent

from ansible_svc.compat.fork_safety import starting_lock
from ansible_svc.target.booting import BootConnection

_started: set[int] = set()


def connection_pids() -> frozenset[int]:
    """Return the numbers of all processes that were started here, whether or not they still run."""
    return frozenset(_started)


def spawn_on_terminal(args: list[str]) -> mitogen.parent.PopenProcess:
    """Start a program with a terminal of its own for its questions; see mitogen.parent.hybrid_tty_create_child."""
    with starting_lock:
        process = mitogen.parent.hybrid_tty_create_child(args=args)
        _started.add(process.pid)
    return process


def spawn(args: list[str]) -> mitogen.parent.PopenProcess:
    """Start a program in a session of its own: it must not read the user's terminal nor see their Ctrl-C.

    Returns what mitogen.parent.create_child does: its standard input and output are one socket, its standard error is
    a pipe.
    """
    ours, theirs = socket.socketpair()
    try:
        with starting_lock:
            process = subprocess.Popen(
                args, stdin=theirs.fileno(), stdout=theirs.fileno(), stderr=subprocess.PIPE, start_new_session=True
            )
            _started.add(process.pid)
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    stdin = open(ours.detach(), "r+b", buffering=0)  # noqa: SIM115 - mitogen closes it
    stdout = open(os.dup(stdin.fileno()), "r+b", buffering=0)  # noqa: SIM115
    return mitogen.parent.PopenProcess(proc=process, stdin=stdin, stdout=stdout, stderr=process.stderr)


class ClientConnection(BootConnection):
    """A connection to a process that spawn() or spawn_on_terminal() has started."""

    _end: _End | None = None

    def _on_streams_disconnected(self) -> None:
        """Ask how the process ended once both of its outputs are closed; again when it ends, if it has not yet.

        mitogen asks again after 50 ms. Outputs close a moment before their process has ended, so nearly every run
        would end that much later: the broker waits for all processes.
        """
        super()._on_streams_disconnected()
        if self._end is None and self.proc.poll() is None:
            try:
                self._end = end = _End(os.pidfd_open(self.proc.pid), self._reaper.reap)
            except (AttributeError, OSError):
                return  # a system without, or no descriptor left: mitogen's timer sees to it
            mitogen.core.listen(self.proc, "exit", lambda: end.on_disconnect(self._router.broker))
            self._router.broker.start_receive(end)


class _End(mitogen.core.Stream):
    """Wait on the broker for the end of a process.

    Parameters:
        descriptor: that of the process, which becomes readable then (pidfd_open(2)).
        then: called once.

    Threads: the broker's only.
    """

    def __init__(self, descriptor: int, then: Callable[[], object]) -> None:
        self.receive_side = mitogen.core.Side(self, open(descriptor, "rb", buffering=0))  # noqa: SIM115 - Side closes it
        self._then = then

    def on_receive(self, broker: Any) -> None:
        """Tell that it has ended."""
        self.on_disconnect(broker)
        self._then()

    def on_shutdown(self, broker: Any) -> None:
        """Go on: the broker is to wait for it."""

    def on_disconnect(self, broker: Any) -> None:
        """Wait no longer."""
        if not self.receive_side.closed:
            broker.stop_receive(self)
            self.receive_side.close()


def end_client(router: Any, context: Any) -> None:
    """End the process that a context is connected by; nothing happens when it has none of its own, or no longer."""
    stream = router.stream_by_id(context.context_id)
    if stream is not None and stream.protocol.remote_id == context.context_id:
        stream.conn.proc.send_signal(signal.SIGTERM)
