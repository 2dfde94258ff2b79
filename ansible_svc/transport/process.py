# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the process that a mitogen connection talks to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from typing import Any

import mitogen.parent

from ansible_svc.compat.fork_safety import starting_lock

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


def end_client(router: Any, context: Any) -> None:
    """End the process that a context is connected by; nothing happens when it has none of its own, or no longer."""
    stream = router.stream_by_id(context.context_id)
    if stream is not None and stream.protocol.remote_id == context.context_id:
        stream.conn.proc.send_signal(signal.SIGTERM)
