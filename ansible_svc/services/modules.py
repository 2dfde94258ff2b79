# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ModuleService: every distinct module is built once and shared by all hosts.

The result is a *bundle*: an ordered manifest of (path, sha256) and the blobs it names. Bundles of different modules
share most of their blobs, so a host receives only what it has never seen.
"""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, NamedTuple

from ansible_svc.compat.module_build import build
from ansible_svc.compat.plugin_loading import loading_lock
from ansible_svc.service import AllowParents, DeduplicatingService, expose
from ansible_svc.services.build_memory import BuildMemory
from ansible_svc.services.reusable import is_reusable

# What a zygote imports before it forks runners: AnsiballZ needs these in every module.
PRELOAD = ("ansible.module_utils._internal._ansiballz._loader", "ansible.module_utils.basic")
# ... and the code for the module's serialization profile.
_PROFILES = "ansible/module_utils/_internal/_json/_profiles/_module_"
_PACKS_KEPT = 64
_PACKS_KEPT_BYTES = 32 << 20


class Bundle(NamedTuple):
    """A built module.

    Attributes:
        name: digest of the manifest, which is a blob like its files.
        fqn, profile, shebang: see compat.module_build.AnsiballZ.
        files: (path, digest) pairs in order.
        preload: what a zygote imports beforehand.
        reusable: it leaves nothing behind in the process that it ran in.
    """

    name: str
    fqn: str
    profile: str
    shebang: tuple[str, ...]
    files: tuple[tuple[str, str], ...]
    preload: tuple[str, ...] = PRELOAD
    reusable: bool = False

    def digests(self) -> list[str]:
        """Return the digests of all its blobs, each once, that of the manifest first."""
        return list(dict.fromkeys((self.name, *(digest for _path, digest in self.files))))


class ModuleStatistics(NamedTuple):
    """What was built and how often it was used.

    Attributes:
        built: module path -> how often it was built, by ansible-core or of what an earlier run has found.
        used: module path -> how many runs used the bundle.
        packs, pack_bytes: distinct sets of blobs that were compressed, and their size.
    """

    built: dict[str, int]
    used: dict[str, int]
    packs: int
    pack_bytes: int


def _dotted(path: str) -> str:
    return path.removesuffix(".py").replace("/", ".")


class ModuleService(DeduplicatingService):
    """Build modules and hand out their blobs.

    Attributes:
        reuse_runners: a runner on a host may be used again after a module that is known to leave nothing behind. To be
            set before anything is built.

    Threads: any. Guarded by ``_lock``: blobs, packs and counters. The one thread that builds
    holds ``loading_lock``, as those do that build the stock way (compat.module_build.build_one_at_a_time); there is
    nothing to gain from two, since neither lets the other run.
    """

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self._lock = threading.Lock()
        self.reuse_runners = True
        self._blobs: dict[str, bytes] = {}
        self._memory = BuildMemory()
        self._packs: OrderedDict[tuple[str, ...], bytes] = OrderedDict()
        self._packing: dict[tuple[str, ...], threading.Lock] = {}
        self._built: dict[str, int] = {}
        self._used: dict[str, int] = {}
        self._pack_count = 0
        self._pack_bytes = 0

    def use_cache(self, directory: str | None) -> None:
        """Build with what earlier runs have left in a cache directory; None: there is none.

        Threads: as BuildMemory.load.
        """
        self._memory.load(directory)

    def save(self) -> None:
        """Leave what was found out for the next run. Threads: as BuildMemory.save."""
        self._memory.save()

    @expose(policy=AllowParents())
    def bundle(self, name: str, path: str) -> Bundle | None:
        """Return the bundle of a module, or None when it is not a new-style Python module.

        Parameters:
            name: the module's name without its collection, so that all its spellings share one bundle.
            path: its file.

        Raises AnsibleError when ansible-core cannot build it.
        """
        with loading_lock:
            known = self._memory.builds.find(path)
            parts = known or build(name, path)
        with self._lock:
            self._built[path] = self._built.get(path, 0) + 1
        if parts is None:
            return None
        sources = parts.files
        shipped = [(relative, hashlib.sha256(content).hexdigest()) for relative, content in sources.items()]
        if known is None:
            self._memory.builds.note(path, parts, shipped)
        short = {relative: self._memory.shortened(relative, digest, sources[relative]) for relative, digest in shipped}
        files = [(relative, hashlib.sha256(content).hexdigest()) for relative, content in short.items()]
        blobs = {digest: short[relative] for relative, digest in files}
        preload = PRELOAD + tuple(_dotted(path) for path in parts.files if path.startswith(_PROFILES))
        about = {"fqn": parts.fqn, "profile": parts.profile, "modules": preload, "files": files}
        manifest = json.dumps(about, separators=(",", ":")).encode()
        name = hashlib.sha256(manifest).hexdigest()
        blobs[name] = manifest
        with self._lock:
            self._blobs.update(blobs)
        return Bundle(
            name=name,
            fqn=parts.fqn,
            profile=parts.profile,
            shebang=parts.shebang,
            files=tuple(files),
            preload=preload,
            reusable=self.reuse_runners and is_reusable(parts.fqn, shipped),
        )

    def count_use(self, path: str) -> None:
        """Count one run of a module."""
        with self._lock:
            self._used[path] = self._used.get(path, 0) + 1

    def pack(self, digests: Iterable[str]) -> bytes:
        """Return blobs as one compressed pack (see target.bundles.Bundles.add for its format).

        Hosts that lack the same blobs share one compression.
        """
        key = tuple(digests)
        with self._lock:
            if key in self._packs:
                self._packs.move_to_end(key)
                return self._packs[key]
            turn = self._packing.setdefault(key, threading.Lock())
        with turn:
            with self._lock:
                if key in self._packs:
                    return self._packs[key]
                blobs = [self._blobs[digest] for digest in key]
            pack = zlib.compress(b"".join(len(blob).to_bytes(4, "big") + blob for blob in blobs), 6)
            with self._lock:
                self._packs[key] = pack
                self._packing.pop(key, None)
                self._pack_count += 1
                self._pack_bytes += len(pack)
                kept = sum(map(len, self._packs.values()))
                while len(self._packs) > 1 and (len(self._packs) > _PACKS_KEPT or kept > _PACKS_KEPT_BYTES):
                    kept -= len(self._packs.popitem(last=False)[1])
        return pack

    def module_statistics(self) -> ModuleStatistics:
        """Return what was built and used so far."""
        with self._lock:
            return ModuleStatistics(dict(self._built), dict(self._used), self._pack_count, self._pack_bytes)
