# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let a forked worker use the Pool of the process it was forked from.

Before the fork a socket pair is made. The parent serves one end on a thread: it receives (method, arguments), calls
its own Access and sends (True, result) or (False, exception). The child's ForkedAccess has the same methods. Both ends
are one program run by one user, so what crosses is pickled by multiprocessing.connection.
"""

from __future__ import annotations

import multiprocessing
import threading
from multiprocessing.connection import Connection
from typing import Any

from ansible_svc.engine.access import Access

_METHODS = frozenset(name for name in vars(Access) if not name.startswith("_"))


class ForkedAccess:
    """Access in a forked worker.

    Parameters:
        channel: the child's end.

    Threads: a worker has one that runs its task.
    """

    def __init__(self, channel: Connection) -> None:
        self._channel = channel

    def __getattr__(self, method: str) -> Any:
        if method not in _METHODS:
            raise AttributeError(method)

        def ask(*args: Any, **kwargs: Any) -> Any:
            self._channel.send((method, args, kwargs))
            succeeded, value = self._channel.recv()
            if succeeded:
                return value
            raise value

        return ask


class Gateway:
    """The parent's side of one forked worker.

    Parameters:
        access: what to call.

    Attributes:
        child_end: give this to the child, and close it here once the child is started.

    Threads: one thread serves; it ends when the child closes its end, which the kernel does for it at the latest.
    """

    def __init__(self, access: Access) -> None:
        self._access = access
        self._end, self.child_end = multiprocessing.Pipe(duplex=True)

    def serve(self) -> None:
        """Start serving. Call this after the fork, so that the child does not hold the parent's end."""
        self.child_end.close()
        threading.Thread(target=self._serve, name="svc-fork-gateway", daemon=True).start()

    def in_child(self) -> ForkedAccess:
        """Return the child's access; call this in the child."""
        self._end.close()
        return ForkedAccess(self.child_end)

    def _serve(self) -> None:
        with self._end:
            while True:
                try:
                    method, args, kwargs = self._end.recv()
                except (EOFError, ConnectionResetError):
                    return
                try:
                    answer = True, getattr(self._access, method)(*args, **kwargs)
                except Exception as error:  # every failure is the child's to handle
                    answer = False, error
                try:
                    self._end.send(answer)
                except (BrokenPipeError, ConnectionResetError):
                    return
