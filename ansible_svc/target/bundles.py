# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an agent knows of bundles: their manifests and the blobs they are made of.

A *manifest* is a blob like the others, and the bundle is named by its digest: JSON with "files", an ordered list of
[path, digest], and "modules", what a zygote imports beforehand. All blobs are kept in the agent's store, the cache
directory included, so that an agent may well know bundles which it was never sent.
"""

from __future__ import annotations

import json
import threading
import zlib

from ansible_svc.store import digest_bytes
from ansible_svc.target.frames import encode
from ansible_svc.target.spawner import Zygote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ansible_svc.store.layered import LayeredStore


class Bundles:
    """The bundles that this agent was given, or finds in its store.

    Parameters:
        store: where blobs are.
        code_cache: directory and size of zygotes' compiled code, see code_cache.CodeCache; None: none is kept.

    Threads: any; those that reach the disk block for it. Guarded by ``_lock``: the tables. ``_keeping`` is held by
    the one thread that writes.
    """

    def __init__(self, store: LayeredStore, code_cache: tuple[str, int] | None = None) -> None:
        self._store = store
        self._code_cache = code_cache
        self._lock = threading.Lock()
        self._keeping = threading.Lock()
        self._manifests: dict[str, dict[str, Any]] = {}
        self._complete: set[str] = set()
        self._to_keep: dict[str, bytes] = {}

    def add(self, pack: bytes) -> dict[str, bytes]:
        """Take blobs that came with a request; ``keep`` puts them on disk.

        Parameters:
            pack: zlib-compressed; each blob preceded by its length as four bytes, big endian. b"" for none.

        Returns them by digest, for the request to hold: memory may be too small for them.

        Raises ValueError when it is not such a pack; then none of it is taken.
        """
        if not pack:
            return {}
        blobs = {digest_bytes(blob): blob for blob in _unpack(pack)}
        for digest, blob in blobs.items():
            self._store.memory.add_verified(digest, blob)
        with self._lock:
            self._to_keep.update(blobs)
        return blobs

    def complete(self, name: str, ask: Callable[[list[str]], list[bytes | None]], held: dict[str, bytes]) -> list[str]:
        """Return what a bundle lacks after what could be had elsewhere was taken from there.

        Parameters:
            name: the bundle.
            ask: returns the content of blobs, None for those that are not to be had; what is not what its digest says
                is not taken.
            held: what the request holds; what could be had is added to it.
        """
        missing = self.missing(name, held)
        for _manifest_then_files in range(2):
            if not missing:
                break
            for digest, blob in zip(missing, ask(missing)):
                if blob is not None and digest_bytes(blob) == digest:
                    held[digest] = blob
                    self._store.memory.add_verified(digest, blob)
                    with self._lock:
                        self._to_keep[digest] = blob
            still = self.missing(name, held)
            if still == missing:
                break
            missing = still
        return missing

    def keep(self) -> None:
        """Put what was added on disk, too; return when it is there. Apart, so that no module waits for the disk."""
        if not self._to_keep and not self._keeping.locked():
            return
        with self._keeping:
            with self._lock:
                blobs, self._to_keep = self._to_keep, {}
            if self._store.disk is not None:
                for digest, blob in blobs.items():
                    self._store.disk.add_verified(digest, blob)

    def missing(self, name: str, held: dict[str, bytes]) -> list[str]:
        """Return the digests of the blobs that a bundle lacks; only its own name when its manifest is not here.

        Parameters:
            name: the bundle.
            held: blobs, by digest, that the request holds.
        """
        if name in self._complete:
            return []
        manifest = self._manifests.get(name)
        if manifest is None:
            blob = self._find(name, held)
            if blob is None:
                return [name]
            manifest = json.loads(blob)
        digests = dict.fromkeys(digest for _path, digest in manifest["files"])
        missing = [digest for digest in digests if self._find(digest, held) is None]
        with self._lock:
            self._manifests[name] = manifest
            if not missing:
                self._complete.add(name)
        return missing

    def files(self, name: str) -> dict[str, str]:
        """Return a known bundle as path -> digest."""
        return dict(self._manifests[name]["files"])

    def parts_for(self, name: str, zygote: Zygote, held: dict[str, bytes]) -> tuple[dict[str, bytes], list[str]]:
        """Return the blobs of a complete bundle, by digest; none when a zygote holds all of it already.

        Returns as well the digests of those that memory had to give up since ``missing`` was asked and that are not
        on disk.
        """
        if name in zygote.bundles:
            return {}, []
        parts, missing = {}, []
        for digest in self.files(name).values():
            blob = self._find(digest, held)
            if blob is None:
                missing.append(digest)
            else:
                parts[digest] = blob
        if missing:
            with self._lock:
                self._complete.discard(name)
        return parts, missing

    def _find(self, digest: str, held: dict[str, bytes]) -> bytes | None:
        return held[digest] if digest in held else self._store.get(digest)

    def frames_for(self, name: str, zygote: Zygote, parts: dict[str, bytes]) -> bytes:
        """Return the frames that teach a zygote a bundle which it does not hold yet (b"" when it does).

        Called by Zygote.start under its order lock, so that what is noted here as sent is sent next.

        Parameters:
            name: the bundle.
            zygote: the zygote.
            parts: what ``parts_for`` returned for the two, with nothing missing.
        """
        if name in zygote.bundles:
            return b""
        files = self.files(name)
        new = {digest: parts[digest] for digest in files.values() if digest not in zygote.blobs}
        frames = b""
        if self._code_cache is not None and not zygote.bundles:
            directory, limit = self._code_cache
            frames += encode({"op": "cache", "directory": directory, "limit": limit})
        frames += encode(
            {"op": "blobs", "digests": [[digest, len(blob)] for digest, blob in new.items()]}, b"".join(new.values())
        )
        frames += encode({"op": "bundle", "id": name, "files": files})
        if not zygote.bundles:
            frames += encode({"op": "base", "bundle": name, "modules": self._manifests[name]["modules"]})
        zygote.blobs.update(new)
        zygote.bundles.add(name)
        return frames


def _unpack(pack: bytes) -> list[bytes]:
    try:
        data = zlib.decompress(pack)
    except zlib.error as error:
        raise ValueError("a pack of blobs cannot be read: %s" % error) from error
    blobs = []
    start = 0
    while start < len(data):
        begins = start + 4
        start = begins + int.from_bytes(data[start:begins], "big")
        blobs.append(data[begins:start])
    if start != len(data):
        raise ValueError("a pack of blobs is cut off")
    return blobs
