# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who works with which connection, so that only those are closed for the sake of others that nobody works with."""

from __future__ import annotations

import threading
from concurrent.futures import Future
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ansible_svc.services.host import Host


class Link:
    """A connection to an identity that is being made, or is there.

    Parameters:
        lock: guards ``users``.

    Attributes:
        future: gets the host, or why it cannot be reached.
        users: how many tasks work with it.
    """

    def __init__(self, lock: threading.Lock) -> None:
        self.lock = lock
        self.future: Future[Host] = Future()
        self.users = 0

    def is_busy(self) -> bool:
        """Tell whether a task works with it, or may come to in a moment. The caller holds the lock."""
        return self.users > 0 or not self.future.done()

    def host(self) -> Host | None:
        """Return the host if it is connected by now."""
        return self.future.result() if self.future.done() and self.future.exception() is None else None


class Uses:
    """The links that one task works with, until its end: agents keep things for it from one request to the next.

    Threads: the task's own, or those that stand for it one after the other.
    """

    def __init__(self) -> None:
        self._links: list[Link] = []

    def begin(self, link: Link) -> None:
        """Work with a link; nothing changes when the task does already. The caller holds the link's lock."""
        if link not in self._links:
            self._links.append(link)
            link.users += 1

    def end(self) -> None:
        """Work with none of them any longer."""
        while self._links:
            link = self._links.pop()
            with link.lock:
                link.users -= 1
