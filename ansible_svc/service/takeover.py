# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Start the Pool of a child in the place of mitogen's.

This is the one place where this framework and mitogen's own service framework meet. A child of mitogen listens
on CALL_SERVICE from its start: `mitogen.core.Dispatcher` puts such messages in a Receiver (`_service_recv`)
and, for each one, a STUB_CALL_SERVICE message into the queue of its main thread, which upon that imports
mitogen.service (`_init_service_pool`). Only a parent's messages get that far.

`start` is called by a parent's Channel through CALL_FUNCTION, on the child's main thread, ahead of the parent's
first call on the same stream. It

1. makes `_init_service_pool` of this Dispatcher do nothing, so that mitogen.service is never imported, not
   even for STUB_CALL_SERVICE messages that are queued already;
2. starts our Pool;
3. on the broker thread, so that no message can come in between: has the Pool listen on CALL_SERVICE in the
   place of the Receiver, and hands it what the Receiver holds.

When it raises, mitogen sends the exception to the Channel, which fails its calls with BootstrapError.

Private names of mitogen.core 0.3.54 used here: Dispatcher._service_recv, Dispatcher._init_service_pool.
"""

from __future__ import annotations

import mitogen.core

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service.pool import Pool

#: What a parent pushes to a child before `start` is called; what these import comes with them.
MODULES = ("ansible_svc.service.takeover", "ansible_svc.service.pool")


def start(packages: list[str], pool_size: int, econtext: Any) -> None:
    """
    Start this process's Pool, or let the one that runs activate services of more packages.

    A Pool that was closed stays closed, and callers get PoolClosedError: their calls would reach this process
    before a new Pool does, and nothing would hold them any longer.

    :param packages: Packages whose services parents may activate.
    :param pool_size: Number of threads.
    :param econtext: mitogen's ExternalContext of this process.
    """
    dispatcher = econtext.dispatcher
    dispatcher._init_service_pool = _leave_alone

    # Not at the top: when the Pool cannot be imported, mitogen.service must have been put off already.
    from ansible_svc.service.endpoint import endpoint_of
    from ansible_svc.service.pool import Pool

    endpoint = endpoint_of(econtext.router)
    if endpoint.pool is not None:
        endpoint.pool.activator.allow(packages)
        return
    if endpoint.had_pool:
        return
    endpoint.child_options.packages = tuple(packages)
    endpoint.child_options.pool_size = pool_size
    pool = Pool(econtext.router, size=pool_size, activation_packages=packages, listen=False)
    # Before the broker exits, which ends this process: services may have children of their own to end.
    mitogen.core.listen(econtext.broker, "shutdown", pool.stop)
    econtext.broker.defer_sync(lambda: _hand_over(dispatcher, pool))


mitogen.core.takes_econtext(start)


def _leave_alone() -> None:
    """Be what STUB_CALL_SERVICE starts instead of mitogen.service."""


def _hand_over(dispatcher: Any, pool: Pool) -> None:
    pool.listen(overwrite=True)
    receiver = dispatcher._service_recv
    receiver.notify = None
    while True:
        try:
            message = receiver.get(block=False, throw_dead=False)
        except mitogen.core.TimeoutError:
            return
        pool.receive(message)
