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
from ansible_svc.target.archive import ArchiveImporter, importer

#: How much module code is handed to another agent in one answer.
_HANDED_BYTES = 16 << 20

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service import Request
    from ansible_svc.target.archive import Codes
    from ansible_svc.target.cache import Cache


class BecomeService(Service):
    """Start agents as other users.

    Parameters:
        econtext: mitogen's ExternalContext of this process.
        cache: this agent's.
        archive: name and content of the archive that this agent was booted from.

    Threads: any; each request holds a Pool thread until the new agent is there. Guarded by ``_lock``: whether the code
    for becoming is loaded. ``_born`` only grows, by whole numbers.
    """

    def __init__(self, router: Any, econtext: Any, cache: Cache, archive: tuple[str, bytes]) -> None:
        super().__init__(router)
        self._econtext = econtext
        self._cache = cache
        self._archive = archive
        self._lock = threading.Lock()
        self._loaded = False
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
    ) -> dict[str, Any]:
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
            if not self._loaded:
                if packed and digest_bytes(packed) != digest:
                    raise ValueError("the archive is not what its name says")
                if not self._load(digest, packed):
                    return {"missing": True}
                self._loaded = True
        self._born.add(context_id)
        from ansible_svc.target.become import FIRST_STAGE, become
        from ansible_svc.target.booting import Boot

        first_stage = importer.get_source(FIRST_STAGE)
        return become(self._econtext, context_id, Boot(first_stage, *self._archive, cache, agent), options)

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

    def _load(self, digest: str, packed: bytes) -> bool:
        codes: Codes = {}
        found = boot_file.read(self._cache.directory, digest)
        if found is not None:
            packed, codes = found
        elif not packed:
            return False
        else:
            compiler = ArchiveImporter()
            compiler.add(packed, {})
            for name in compiler.names():
                compiler.code_of(name)
            codes = compiler.codes
            self._cache.keep_boot_file(boot_file.file_name(digest), boot_file.content(packed, codes))
        importer.add(packed, codes)
        return True
