# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Keep what one process needs of the framework per router: its channels, its Pool, its timers.

There is one Endpoint per `mitogen.core.Router`; `endpoint_of` makes and finds it. It lives as long as the
router. It is told of every context that disappears and tells the channel to it and the Pool.
"""

from __future__ import annotations

import itertools
import logging
import threading
from functools import partial
from importlib import import_module

import mitogen
import mitogen.core

from ansible_svc.errors import DisconnectedError
from ansible_svc.service import takeover
from ansible_svc.service.channel import Channel
from ansible_svc.service.timers import Timers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service.pool import Pool

LOG = logging.getLogger("ansible_svc.service")

_ATTRIBUTE = "_ansible_svc_endpoint"
_WATCHED = "_ansible_svc_watched"


class ChildOptions:
    """Hold what the Pools of children are started with; see `configure_children`."""

    __slots__ = ("modules", "packages", "pool_size")

    def __init__(self) -> None:
        self.packages: tuple[str, ...] = ("ansible_svc",)
        self.pool_size = 4
        self.modules: tuple[str, ...] = ()


class Endpoint:
    """
    Be this process's end of all calls over one router.

    Threads: `channel` and `watch` may be called by any thread; the `_on` methods are called by the broker
    thread. Guarded by `_lock` (reentrant, because routing on the broker thread calls handlers at once):
    `_channels`, `_watched`.
    """

    def __init__(self, router: Any, timers: Timers | None = None) -> None:
        self.router = router
        self.timers = Timers() if timers is None else timers
        self.child_options = ChildOptions()
        #: Largest reply in bytes that is accepted.
        self.max_reply_bytes = 128 * 1024 * 1024
        #: The Pool that listens on this router, or None.
        self.pool: Pool | None = None
        #: Whether a Pool has been closed here.
        self.had_pool = False
        #: Numbers for calls. Unique per process and router, because the far side knows a call by
        #: (context id, number).
        self.numbers = itertools.count(1)
        self._lock = threading.RLock()
        self._channels: dict[int, Channel] = {}
        self._watched: set[int] = set()
        self._with_pool: set[int] = set()
        mitogen.core.listen(router.broker, "exit", self._on_broker_exit)

    @property
    def own_id(self) -> int:
        """Return the context id of this process."""
        return int(mitogen.context_id)

    @property
    def parent_ids(self) -> list[int]:
        """Return the context ids of this process's parents, the nearest first."""
        return list(mitogen.parent_ids)

    def has_authority(self, auth_id: int) -> bool:
        """Return whether a message acts with the authority of this process or of a parent."""
        return auth_id == self.own_id or auth_id in self.parent_ids

    def channel(self, context: Any) -> Channel:
        """
        Return the open channel to a context; make it, and start the far side's Pool, if there is none.

        :param context: A `mitogen.core.Context` of this router.
        """
        channel = self._channels.get(context.context_id)
        if channel is not None and channel.error is None:
            return channel
        if self.starts_pool_of(context.context_id):
            # mitogen.master.ModuleFinder.find_related sends along only what is loaded here, too. Outside the lock,
            # because the broker thread takes it.
            for name in takeover.MODULES:
                import_module(name)
        with self._lock:
            channel = self._channels.get(context.context_id)
            if channel is None or channel.error is not None:
                self.watch(context.context_id)
                channel = Channel(self, context)
                # Not to be seen by others before: their calls must not overtake what starts the far side's Pool.
                channel.open()
                if channel.error is None:
                    self._channels[context.context_id] = channel
        return channel

    def channels(self) -> list[Channel]:
        """Return the open channels."""
        with self._lock:
            return list(self._channels.values())

    def attach(self, pool: Pool) -> None:
        """
        Note the Pool that listens on this router.

        :raises RuntimeError: There is one already.
        """
        with self._lock:
            if self.pool is not None:
                raise RuntimeError("this router has a Pool already")
            self.pool = pool

    def detach(self, pool: Pool) -> None:
        """Note that a Pool has stopped."""
        with self._lock:
            if self.pool is pool:
                self.pool = None
                self.had_pool = True

    def forget(self, channel: Channel) -> None:
        """Note that a channel is closed."""
        with self._lock:
            if self._channels.get(channel.context_id) is channel:
                del self._channels[channel.context_id]

    def watch(self, context_id: int) -> None:
        """Have the channel and the Pool told when a context disappears."""
        if context_id in self._watched or context_id == self.own_id:
            return
        with self._lock:
            if context_id in self._watched:
                return
            self._watched.add(context_id)
            context = self.router.context_by_id(context_id)
            # One listener per context object for good: mitogen keeps the object, and taking a listener off
            # while the signal is being delivered would skip the next one.
            if not context.__dict__.get(_WATCHED):
                context.__dict__[_WATCHED] = True
                mitogen.core.listen(context, "disconnect", partial(self._on_disconnect, context_id))

    def note_pool(self, context_id: int) -> None:
        """Note that a context below this one has come up with a Pool."""
        self._with_pool.add(context_id)

    def starts_pool_of(self, context_id: int) -> bool:
        """Return whether it is this process that starts the Pool of a context: of all below this one without one."""
        return context_id != self.own_id and context_id not in self.parent_ids and context_id not in self._with_pool

    def same_path(self, context_id: int, other_id: int) -> bool:
        """Return whether messages of both contexts arrive over the same stream."""
        return self.router.stream_by_id(context_id) is self.router.stream_by_id(other_id)

    def _on_disconnect(self, context_id: int) -> None:
        with self._lock:
            self._watched.discard(context_id)
            self._with_pool.discard(context_id)
            channel = self._channels.get(context_id)
        if channel is not None:
            channel.close(DisconnectedError("context %d has disconnected" % (context_id,)))
        pool = self.pool
        if pool is not None:
            pool.forget_caller(context_id)

    def _on_broker_exit(self) -> None:
        for channel in self.channels():
            channel.close(DisconnectedError("the broker has exited"))
        pool = self.pool
        if pool is not None:
            pool.stop()
        self.timers.close()


_endpoint_lock = threading.Lock()


def endpoint_of(router: Any) -> Endpoint:
    """Return the Endpoint of a router; make it if there is none."""
    endpoint: Endpoint | None = router.__dict__.get(_ATTRIBUTE)
    if endpoint is None:
        with _endpoint_lock:
            endpoint = router.__dict__.get(_ATTRIBUTE)
            if endpoint is None:
                endpoint = router.__dict__[_ATTRIBUTE] = Endpoint(router)
    return endpoint
