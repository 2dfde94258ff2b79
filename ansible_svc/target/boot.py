# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make an agent of a process in which mitogen has just come up, and tell the other side that it is there.

Runs on the main thread of a new agent, called by first_stage.py.
"""

from __future__ import annotations

import gc
import json
import os
import select

from ansible_svc.errors import Error
from ansible_svc.names import BECOME_SERVICE, READY
from ansible_svc.service import call
from ansible_svc.service.endpoint import endpoint_of
from ansible_svc.service.takeover import start
from ansible_svc.target.agent import AgentService
from ansible_svc.target.become_service import BecomeService
from ansible_svc.target.cache import Cache
from ansible_svc.target.cache_service import CacheService
from ansible_svc.target.line import lay_over
from ansible_svc.target.own_code import OwnCode
from ansible_svc.target.session import Session
from ansible_svc.target.zygote_boot import SOURCES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ansible_svc.target.archive import ArchiveImporter
    from ansible_svc.target.zygote_boot import Forked

_NEIGHBOUR_TIMEOUT_S = 10.0


def begin(
    econtext: Any,
    settings: dict[str, Any],
    directory: str | None,
    importer: ArchiveImporter,
    warm: bool,
    zygote: Forked,
) -> None:
    """Start the Pool with the agent in it, and write what the agent has to tell (see AgentService.hello).

    Parameters:
        econtext: mitogen's ExternalContext of this process.
        settings: "packages" and "threads" of the Pool, "candidates" (see AgentService.hello), "cache_bytes",
            "packed" (whether messages are, see line.py), "began" (see session.Session).
        directory: the cache directory, or None.
        importer: serves the archive that this code is from.
        warm: that came from the cache directory.
        zygote: the first one.
    """
    start(list(settings["packages"]), settings["threads"], econtext)
    pool = endpoint_of(econtext.router).pool
    assert pool is not None
    problems: list[str] = []
    cache = Cache(directory, settings["cache_bytes"], problems.append)
    agent = AgentService(econtext.router, cache, problems, _neighbour(econtext), Session(settings["began"]))

    def sources() -> dict[str, bytes]:
        return {name: importer.get_source("ansible_svc." + name).encode() for name in SOURCES}

    facts = agent.hello(sources, settings["candidates"], zygote)
    own_code = OwnCode(cache, importer, found=warm)
    pool.add(agent)
    pool.add(CacheService(econtext.router, cache, own_code))
    pool.add(BecomeService(econtext.router, econtext, cache, importer))
    facts["kept"] = cache.kept()
    facts["warm"] = warm
    facts["cache"] = cache.directory
    if settings["packed"]:
        stream = econtext.stream
        lay_over(stream.protocol, lambda broker, error: stream.on_disconnect(broker))
    _write_all(econtext.stream.transmit_side.fp.fileno(), READY + json.dumps(facts).encode() + b"\n")
    if not warm:
        own_code.keep()
    gc.freeze()
    gc.enable()  # off since the first stage


def _neighbour(econtext: Any) -> Callable[[list[str]], list[bytes | None]] | None:
    """Return a function that asks the agent from which this one was started for module code; None without such one."""
    if econtext.parent is econtext.master:
        return None

    def ask(digests: list[str]) -> list[bytes | None]:
        try:
            answer: list[bytes | None] = call(
                econtext.parent, BECOME_SERVICE, "hand_over", timeout_s=_NEIGHBOUR_TIMEOUT_S, digests=digests
            )
        except Error:
            return [None] * len(digests)  # the controller has it, too
        return answer

    return ask


def _write_all(descriptor: int, data: bytes) -> None:
    while data:
        select.select([], [descriptor], [])
        data = data[os.write(descriptor, data) :]
