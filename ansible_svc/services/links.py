# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which connections there are, which tasks work with them, and which are to be closed.

Pure bookkeeping: nothing is connected or disconnected here.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ansible_svc.transport.descriptors import room_for
from ansible_svc.transport.identity import Identity, SshLogin

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

    Attributes:
        ahead: links that were claimed before the task had to wait for them, by identity. They are its first answer:
            one that has failed meanwhile is not tried again for the same question.

    Threads: the task's own, or those that stand for it one after the other.
    """

    def __init__(self) -> None:
        self._links: list[Link] = []
        self.ahead: dict[Identity, Link] = {}

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


class Links:
    """The links of all identities, at most one of each, and those whose place was taken by another.

    Hosts that it returns to be disconnected are not in it any longer, and no longer ``alive``.

    Threads: any. Guarded by ``_lock``: the links, their users, and the liveness of hosts.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._links: dict[Identity, Link] = {}
        self._outdated: list[Link] = []

    def claim(self, identity: Identity, uses: Uses | None) -> tuple[Link, bool]:
        """Return the link of an identity, and whether it is new, so that the caller has to connect it.

        Parameters:
            uses: those of the task that works with it.
        """
        with self._lock:
            if uses is not None and (ahead := uses.ahead.pop(identity, None)) is not None:
                return ahead, False
            link = self._links.get(identity)
            new = link is None
            if link is None:
                link = self._links[identity] = Link(self._lock)
            if uses is not None:
                uses.begin(link)
            return link, new

    def connected(self, identity: Identity) -> Host | None:
        """Return the host of an identity when it is connected already."""
        with self._lock:
            link = self._links.get(identity)
        return link.host() if link is not None else None

    def count(self) -> int:
        """Return how many hosts are connected."""
        with self._lock:
            return sum(1 for link in self._links.values() if link.host() is not None)

    def drop(self, identity: Identity, link: Link) -> None:
        """Forget a link, unless another has taken its place."""
        with self._lock:
            if self._links.get(identity) is link:
                del self._links[identity]

    def lost(self, host: Host, link: Link) -> bool:
        """Note that a connection has ended, and forget it; tell whether that was not to be expected."""
        with self._lock:
            unexpected, host.alive = host.alive, False
            if link in self._outdated:
                self._outdated.remove(link)
        self.drop(host.identity, link)
        return unexpected

    def outdate(self, host: Host) -> None:
        """Have the next who asks for a host's identity get a new link; tasks that work with the old one go on."""
        with self._lock:
            link = self._links.get(host.identity)
            if link is not None and link.host() is host:
                del self._links[host.identity]
                self._outdated.append(link)

    def take(self, wanted: Callable[[Identity], bool]) -> list[Host]:
        """Return the hosts of all identities that are wanted, to be disconnected."""
        with self._lock:
            return self._take(wanted)

    def take_outdated(self) -> list[Host]:
        """Return the hosts of outdated links, to be disconnected, as far as nobody works with them.

        One from whose agent others were started stays while these are connected.
        """
        with self._lock:
            hosts = [link.host() for link in (*self._links.values(), *self._outdated)]
            needed = [host.login for host in hosts if host is not None]
            return self._take_outdated(lambda link, host: not link.users and host not in needed)

    def take_surplus(self, most: int) -> list[Host]:
        """Return the hosts of an idle login if there are too many logins, to be disconnected.

        Which login is left to chance. Tasks of a play go round all its hosts, so the one that was not used for the
        longest time is needed next; but the one that was used last may be of a play that goes on.

        Parameters:
            most: how many logins there may be; 0: as many as the limit of open files allows.
        """
        with self._lock:
            room = room_for(len(self._links))
            most = min(most or room, room)
            if len(self._links) <= most:
                return []
            logins = {identity.login for identity in self._links if isinstance(identity.login, SshLogin)}
            busy = {identity.login for identity, link in self._links.items() if link.is_busy()}
            idle = list(logins - busy)
            if len(logins) <= most or not idle:
                return []
            chosen = random.choice(idle)  # noqa: S311 - nobody gains from guessing it
            return self._take(lambda identity: identity.login == chosen)

    def _take(self, wanted: Callable[[Identity], bool]) -> list[Host]:
        links = [self._links.pop(identity) for identity in list(self._links) if wanted(identity)]
        hosts = [host for link in links if (host := link.host()) is not None]
        for host in hosts:
            host.alive = False
        return hosts + self._take_outdated(lambda link, host: wanted(host.identity))

    def _take_outdated(self, wanted: Callable[[Link, Host], bool]) -> list[Host]:
        found = [(link, host) for link in self._outdated if (host := link.host()) is not None and wanted(link, host)]
        for link, host in found:
            self._outdated.remove(link)
            host.alive = False
        return [host for _link, host in found]
