# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Be the base of what a Pool hosts."""

from __future__ import annotations

import logging
import threading

from ansible_svc.service.invoker import Invoker

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from mitogen.core import Router
    from mitogen.select import Event, Select

    from ansible_svc.service.marks import PolicyLike
    from ansible_svc.service.request import Request

LOG = logging.getLogger("ansible_svc.service")


class Service:
    """
    Offer methods to other contexts.

    A subclass marks methods with `expose` and lives in a module that the far side can name; its canonical
    name is ``module.Class``. Methods run on the threads of the Pool that hosts it, how many at a time
    is up to `invoker_class`.

    **The older form.** A class that sets `handle` is also reachable under that number. It names the keys and
    types that its argument dict must have in `required_args`, does its work in `dispatch(args, msg)`, and is
    called with ``call(context, handle, {...})``. To set a handle is to expose it: `policy` says to whom, and
    is everyone who can send a message here unless the class says otherwise.

    Threads: exposed methods, `dispatch` and `on_message_received` run on pool threads, in parallel unless
    the invoker serialises; `on_start` on the thread that adds the service; `on_shutdown` on the thread
    that stops the Pool.
    """

    #: How requests are run: `Invoker`, `SerializedInvoker` or `DeduplicatingInvoker`.
    invoker_class: ClassVar[type[Invoker]] = Invoker
    #: Largest request in bytes that this service takes; None: what the Pool takes.
    max_message_bytes: int | None = None
    #: Number under which a service of the older form is called, or None.
    handle: int | None = None
    #: Older form: argument name -> type.
    required_args: ClassVar[dict[str, Any]] = {}
    #: Older form: who may call; None: everyone who can send a message here.
    policy: PolicyLike = None

    def __init__(self, router: Router) -> None:
        self.router = router

    @classmethod
    def name(cls) -> str:
        """Return the canonical name, ``module.Class``."""
        return "%s.%s" % (cls.__module__, cls.__name__)

    # -- hooks

    def on_start(self) -> None:
        """Do what has to be done before the first request. Called once; what it raises refuses the service."""

    def on_shutdown(self) -> None:
        """
        Let go of what the service holds. Called once, when the Pool stops.

        Open requests have been cancelled by then, but their methods may still be returning. Must not
        block: in a child it runs on the broker thread.
        """

    def on_message_received(self, event: Event) -> None:
        """
        Handle what a receiver in `select` has received. Several may run at the same time.

        :param event: `event.source` is the receiver or latch, `event.data` the message or object.
        """
        raise NotImplementedError("%s has a select but no on_message_received" % (self.name(),))

    def on_receiver_closed(self, error: Exception) -> None:
        """
        Note that a receiver in `select` was closed, here or by the other side.

        :param error: mitogen's ChannelError.
        """
        LOG.debug("%s: a receiver was closed: %s", self.name(), error)

    def dispatch(self, args: dict[str, Any], msg: Request) -> Any:
        """
        Serve a request of the older form.

        :param args: The argument dict; has the keys of `required_args` with values of those types.
        :param msg: The request; `msg.src_id` is the id of the calling context.
        """
        raise NotImplementedError("%s has a handle but no dispatch" % (self.name(),))

    # -- receivers

    @property
    def select(self) -> Select:
        """
        Return the `mitogen.select.Select` whose receivers this service listens to.

        Receivers may be added and removed at any time by any thread, also before the service is in a
        Pool. The Pool wakes up for each message by itself.
        """
        select: Select | None = self.__dict__.get("_select")
        if select is None:
            # Most services have none, and mitogen.select is one more module on a target.
            import mitogen.select

            with _select_lock:
                select = self.__dict__.get("_select")
                if select is None:
                    select = mitogen.select.Select(oneshot=False)
                    select.notify = self.__dict__.get("_select_notify")
                    self.__dict__["_select"] = select
        return select

    def bind(self, notify: Callable[[Any], None] | None) -> None:
        """
        Have a Pool told of everything that becomes ready in `select` from now on. For the Pool only.

        :param notify: Called with the select, on the broker or another thread, once per item.
        """
        with _select_lock:
            self.__dict__["_select_notify"] = notify
            select: Select | None = self.__dict__.get("_select")
            if select is not None:
                select.notify = notify


#: Guards the creation of selects and the exchange of their notify functions; both are rare.
_select_lock = threading.Lock()
