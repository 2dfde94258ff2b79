# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The Runtime: broker, router, Pool, services and task threads of one process."""

from __future__ import annotations

import gc
import json
import logging
import os
import threading
from pathlib import Path
from typing import Any

import mitogen.core
import mitogen.master
from ansible.utils.display import Display

from ansible_svc.compat.config_memory import remember_settings
from ansible_svc.compat.copying import share_scalars
from ansible_svc.compat.fork_safety import guard_forks
from ansible_svc.compat.module_build import build_one_at_a_time
from ansible_svc.compat.plugin_loading import prepare_loaders
from ansible_svc.compat.router_state import router_state
from ansible_svc.compat.stack_walk import walk_without_sources
from ansible_svc.compat.template_code import remember_compiled_templates
from ansible_svc.engine.access import Access
from ansible_svc.engine.children import TaskChildren
from ansible_svc.engine.loaders import Loaders
from ansible_svc.engine.probe import Probe
from ansible_svc.engine.statistics import Counters
from ansible_svc.engine.threads import TaskThreads
from ansible_svc.service import Pool, configure_children
from ansible_svc.services.contexts import ContextService
from ansible_svc.services.files import FileService
from ansible_svc.services.modules import ModuleService

display = Display()

_POOL_THREADS = 4


class Runtime:
    """Everything that lives from the first play to the end of the process.

    Attributes:
        access: for tasks on threads of this process.
        loaders: plugin loaders that use it.
        threads: run tasks.
        task_children: what tasks on them have started.
        counters: what happened.
        stats_file: where close() writes the statistics as JSON, or None.
        probe: takes the time of host-tasks once start_probe() was called; None before.

    Threads: made and closed by the main thread.
    """

    def __init__(self) -> None:
        gc.freeze()  # what ansible-core has loaded stays: looking for garbage there costs 3 % of a run
        prepare_loaders()
        build_one_at_a_time()
        remember_compiled_templates()
        remember_settings()
        share_scalars()
        guard_forks()
        walk_without_sources()
        _route_logging()
        self.pid = os.getpid()
        self.task_children = TaskChildren()
        self.counters = Counters()
        self.stats_file: str | None = None
        self.probe: Probe | None = None
        self._broker = mitogen.master.Broker(install_watcher=False)
        self._router = mitogen.master.Router(self._broker)
        self._router.unidirectional = True
        self._router.responder.whitelist_prefix("ansible_svc")
        configure_children(self._router, modules=("ansible_svc.target.agent",))
        self.contexts = ContextService(self._router)
        self.modules = ModuleService(self._router)
        self.files = FileService(self._router)
        self._pool = Pool(self._router, [self.contexts, self.modules, self.files], size=_POOL_THREADS)
        self.access = Access(self._pool, self.contexts, self.modules, self.files, self.counters.add, display.v)
        self.loaders = Loaders(self.access)
        self.threads = TaskThreads()

    def start_probe(self) -> Probe:
        """Take the time of every host-task of the plays that begin after this."""
        if self.probe is None:
            self.probe = Probe()
        return self.probe

    def statistics(self) -> dict[str, Any]:
        """Return all counters as plain values."""
        engine = self.counters.snapshot(self.threads.count)
        modules = self.modules.module_statistics()
        files = self.files.statistics()
        contexts = self.contexts.context_statistics()
        return {
            "tasks": {
                "native": engine.native,
                "forked": engine.forked,
                "stock": engine.stock,
                "reasons": engine.reasons,
            },
            "modules": {
                "built": sum(modules.built.values()),
                "used": sum(modules.used.values()),
                "names": {
                    Path(path).stem: {"built": built, "used": modules.used.get(path, 0)}
                    for path, built in modules.built.items()
                },
                "packs": modules.packs,
                "pack_bytes": modules.pack_bytes,
            },
            "files": {
                "read": files.files_read,
                "served": files.files_served + engine.files_pushed,
                "pushed": engine.files_pushed,
                "bytes_read": files.bytes_read,
                "bytes_served": files.bytes_served,
                "refused": files.refused,
            },
            "contexts": contexts._asdict(),
            "bytes_sent": engine.bytes_sent + files.bytes_served,
            "round_trips": engine.round_trips,
            "threads": engine.threads,
            "held": {**router_state(self._router), "threads": threading.active_count(), "descriptors": _descriptors()},
        }

    def close(self) -> None:
        """End every connection and thread, in an order in which nobody waits for one who has gone."""
        if os.getpid() != self.pid:
            return
        if self.stats_file:
            Path(self.stats_file).write_text(json.dumps(self.statistics(), indent=1))
        busy = self.threads.busy
        self.threads.close()
        self._pool.close()
        self._broker.shutdown()
        self._broker.join()
        self._pool.join()
        self.modules.save()
        if busy:
            self.task_children.end()


_runtime: Runtime | None = None


def runtime() -> Runtime:
    """Return the process's Runtime, starting it on the first call.

    It ends with the process: threading's own exit hook is used because the broker's thread would otherwise be waited
    for before any atexit function runs (Lib/threading.py, _shutdown).
    """
    global _runtime
    if _runtime is None or _runtime.pid != os.getpid():
        _runtime = Runtime()
        threading._register_atexit(_runtime.close)  # type: ignore[attr-defined]
    return _runtime


def _descriptors() -> int | None:
    """Return how many files and sockets this process has open, None where the system does not tell."""
    try:
        return len(os.listdir("/dev/fd"))
    except OSError:
        return None


class _DisplayHandler(logging.Handler):
    """Shows mitogen's log only to those who debug."""

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record at -vvvvv."""
        display.vvvvv(f"mitogen: {record.getMessage()}")


def _route_logging() -> None:
    logger = logging.getLogger("mitogen")
    if not any(isinstance(handler, _DisplayHandler) for handler in logger.handlers):
        logger.addHandler(_DisplayHandler())
        logger.propagate = False
        logger.setLevel(logging.ERROR if display.verbosity < 5 else logging.DEBUG)
