# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an agent answers when a process has ended, or could not be started."""

from __future__ import annotations

import errno
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.target.spawner import Outcome


class Clock:
    """Take the time of one request on this host, which begins now."""

    def __init__(self) -> None:
        self._begun = self._ready = time.monotonic()

    def ready(self) -> None:
        """Say that all is made ready and the module or command starts now."""
        self._ready = time.monotonic()

    def took(self) -> list[float]:
        """Return the seconds until it was ready, and since then."""
        return [self._ready - self._begun, time.monotonic() - self._ready]


def answer_of(outcome: Outcome, clock: Clock | None) -> dict[str, Any]:
    """Return how a process ended, and how long it took if somebody wants to know."""
    result = ended_as(outcome)
    if clock is not None:
        result["took"] = clock.took()
    return result


def ended_as(outcome: Outcome) -> dict[str, Any]:
    """Return how a process ended; of one that could not be started, what a shell would say."""
    if outcome.error is not None and outcome.errno == errno.ENOENT:
        return {"rc": 127, "out": b"", "err": outcome.error.encode()}
    if outcome.error is not None:
        return {"rc": 126, "out": b"", "err": outcome.error.encode()}
    return {"rc": outcome.rc, "out": outcome.out, "err": outcome.err}


def interpreter_failure(interpreter: str, error: OSError) -> dict[str, Any]:
    """Return what /bin/sh would have said of a program that it cannot start."""
    if error.errno == errno.ENOENT:
        return {"rc": 127, "out": b"", "err": ("/bin/sh: 1: %s: not found\n" % interpreter).encode()}
    return {"rc": 126, "out": b"", "err": ("/bin/sh: 1: %s: %s\n" % (interpreter, error.strerror)).encode()}
