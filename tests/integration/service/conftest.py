# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give tests a controller and contexts below it: a local child, one behind ssh, and a child of that."""

from __future__ import annotations

import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import mitogen.core
import mitogen.master
import pytest

from ansible_svc.service import Call, Pool, Service, call_async, configure_children
from ansible_svc.service.endpoint import endpoint_of
from tests.integration.service.probe import Probe
from tests.integration.service.remote import PATIENCE_S
from tests.lab import Lab

CONTEXTS = ("local", "ssh", "grandchild")

#: What children run on: not the environment of the tests, where this package may be installed. A managed host has no
#: copy of it.
BARE = getattr(sys, "_base_executable", sys.executable)


class Controller:
    """Hold a broker, a router, the contexts below it, and perhaps a Pool."""

    def __init__(self, lab: Lab | None) -> None:
        self.lab = lab
        self.broker = mitogen.master.Broker(install_watcher=False)
        self.router = mitogen.master.Router(self.broker)
        self.pools: list[Pool] = []
        self._contexts: dict[str, Any] = {}
        configure_children(self.router, packages=("ansible_svc", "tests.integration.service"))

    def pool(self, *classes: type[Service], **options: Any) -> Pool:
        pool = Pool(self.router, services=[cls(self.router) for cls in classes], **options)
        self.pools.append(pool)
        return pool

    def context(self, kind: str) -> Any:
        """Return the context of a kind; always the same one."""
        context = self._contexts.get(kind)
        if context is None:
            context = self._contexts[kind] = getattr(self, "_" + kind)()
        return context

    def local(self, python_path: str = BARE) -> Any:
        """Return a new local child."""
        return self.router.local(python_path=python_path)

    def ssh(self, python_path: str = BARE, number: int = 1) -> Any:
        """Return a new child behind the lab's sshd: on the first host, or on another."""
        assert self.lab is not None
        return self.router.ssh(
            hostname=self.lab.hosts(number)[-1].address,
            port=self.lab.sshd.port,
            username=self.lab.user,
            identity_file=str(self.lab.sshd.client_key),
            check_host_keys="enforce",
            ssh_args=["-o", f"UserKnownHostsFile={self.lab.sshd.known_hosts}", "-F", "none"],
            python_path=python_path,
        )

    _local = local
    _ssh = ssh

    def _grandchild(self) -> Any:
        return self.router.local(via=self.context("ssh"), python_path=BARE)

    def handlers(self) -> int:
        """Return how many handles the router has at the moment."""
        return len(self.router._handle_map)

    def close(self) -> None:
        for pool in self.pools:
            pool.close()
        endpoint = endpoint_of(self.router)
        left = [number for channel in endpoint.channels() for number in channel.pending]
        timers = endpoint.timers.pending()
        self.broker.shutdown()
        self.broker.join()
        endpoint.timers.join(PATIENCE_S)
        # mitogen keeps a pair of sockets for every thread that ever waited on a Latch.
        mitogen.core.Latch._on_fork()
        assert not left, "calls were left behind"
        assert not timers, "timers were left behind"


@pytest.fixture
def controller(lab: Lab) -> Iterator[Controller]:
    controller = Controller(lab)
    yield controller
    controller.close()


@pytest.fixture(params=CONTEXTS)
def context(request: pytest.FixtureRequest, controller: Controller) -> Any:
    """Return a context below the controller: each kind in turn."""
    return controller.context(request.param)


def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something that another process does has happened."""
    pause = threading.Event()
    waited = 0.0
    while not condition():
        pause.wait(0.01)
        waited += 0.01
        assert waited < PATIENCE_S, "it did not happen"


def ask(context: Any, service: type[Service], method: str, *kwargs: dict[str, Any]) -> Call:
    """Have a context call the controller, once per dict of arguments, all at once."""
    return call_async(
        context, Probe, "ask_many", context_id=0, service=service.name(), method=method, kwargs=list(kwargs)
    )


def outcomes(asked: Call) -> Counter[tuple[str, Any]]:
    """Count what came of the calls of `ask`."""
    return Counter((how, what) for how, what in asked.result(PATIENCE_S))


def pool_threads() -> list[threading.Thread]:
    """Return the threads of this process's Pools."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("ansible_svc.pool")]


def load(pool: Pool) -> tuple[int, int, int]:
    """Return how many requests are open, how many jobs wait for a thread, and how many threads are busy."""
    statistics = pool.statistics()
    return statistics.open_requests, statistics.queue_length, statistics.busy_threads
