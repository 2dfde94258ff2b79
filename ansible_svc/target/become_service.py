# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Become other users of this host, when the controller asks for it.

The code for it is an archive of its own, since many hosts never need it: it comes with the first request, or from the
cache directory. The new agent's code comes from this agent, not over the network, and so does the code of modules that
this agent has.
"""

from __future__ import annotations

import threading

from ansible_svc.errors import RefusedError
from ansible_svc.service import AllowAny, AllowParents, Service, arg_spec, expose
from ansible_svc.store.digests import digest_bytes, is_digest
from ansible_svc.target import boot_file
from ansible_svc.target.apart import answered_apart
from ansible_svc.target.archive import install
from ansible_svc.target.own_code import OwnCode

#: How much module code is handed to another agent in one answer.
_HANDED_BYTES = 16 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service import Request
    from ansible_svc.target.archive import ArchiveImporter
    from ansible_svc.target.cache import Cache


class BecomeService(Service):
    """Start agents as other users.

    Parameters:
        econtext: mitogen's ExternalContext of this process.
        cache: this agent's.
        importer: serves the archive that this agent was booted from.

    Threads: any; each request waits for the new agent on a thread of its own. Guarded by ``_lock``: what serves the
    code for becoming, once it is there. ``_born`` only grows, by whole numbers.
    """

    def __init__(self, router: Any, econtext: Any, cache: Cache, importer: ArchiveImporter) -> None:
        super().__init__(router)
        self._econtext = econtext
        self._cache = cache
        self._importer = importer
        self._lock = threading.Lock()
        self._loaded: ArchiveImporter | None = None
        self._born: set[int] = set()

    @expose(policy=AllowParents())
    @arg_spec(
        {"context_id": int, "digest": str, "packed": bytes, "cache": (str, type(None)), "agent": dict, "options": dict}
    )
    def become(
        self,
        context_id: int,
        digest: str,
        packed: bytes,
        cache: str | None,
        agent: dict[str, Any],
        options: dict[str, Any],
    ) -> Any:
        """Start an agent as another user of this host.

        Parameters:
            context_id: the id of the new context.
            digest, packed: name and content of the archive with the code for it; the content may be empty.
            cache, agent: settings of the new agent, see booting.Boot.
            options: see become.become.

        Returns what become.become does, or {"missing": True} when there is no content and none was kept.

        Raises ValueError when the archive is not what its name says.
        """
        with self._lock:
            if self._loaded is None:
                if packed and digest_bytes(packed) != digest:
                    raise ValueError("the archive is not what its name says")
                self._loaded = self._load(digest, packed)
            if self._loaded is None:
                return {"missing": True}
        self._born.add(context_id)
        from ansible_svc.target.become import FIRST_STAGE, become
        from ansible_svc.target.booting import Boot

        boot = Boot(self._loaded.get_source(FIRST_STAGE), self._importer.digest, self._importer.packed, cache, agent)
        return answered_apart(lambda: become(self._econtext, context_id, boot, options))

    @expose(policy=AllowAny(), wants_request=True)
    @arg_spec({"digests": list})
    def hand_over(self, digests: list[str], request: Request) -> list[bytes | None]:
        """Return module code to an agent that was started from here; None for what is not here.

        Whoever gets it checks it: an agent of root trusts nothing of another user's but what a digest proves.

        Raises RefusedError: the caller was not started from here.
        """
        if request.caller_id not in self._born:
            raise RefusedError("module code is handed only to agents that were started from here")
        left = _HANDED_BYTES
        found: list[bytes | None] = []
        for digest in digests:
            blob = self._cache.blobs.get(digest) if is_digest(digest) else None
            if blob is not None and len(blob) > left:
                blob = None
            left -= len(blob or b"")
            found.append(blob)
        return found

    def _load(self, digest: str, packed: bytes) -> ArchiveImporter | None:
        found = boot_file.read(self._cache.directory, digest)
        if found is None and not packed:
            return None
        loaded = install(digest, *(found or (packed, {})))
        if found is None:
            for name in loaded.names():
                loaded.code_of(name)
        OwnCode(self._cache, loaded, found=found is not None).keep()
        return loaded
