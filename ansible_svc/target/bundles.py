# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an agent knows of bundles: their manifests and the blobs they are made of.

A *manifest* is an ordered list of (path, digest) pairs and is named by its own digest.
"""

from __future__ import annotations

import hashlib
import threading
import zlib

from ansible_svc.target.frames import encode
from ansible_svc.target.spawner import Zygote

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class Bundles:
    """The manifests and blobs that this agent was given.

    Threads: any. Guarded by ``_lock``: both tables.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._manifests: dict[str, dict[str, Any]] = {}
        self._blobs: dict[str, bytes] = {}

    def add(self, name: str, manifest: dict[str, Any] | None, digests: list[str], pack: bytes) -> None:
        """Keep what came with a request.

        Parameters:
            name: the bundle's name.
            manifest: "files" (list of [path, digest]) and "modules" (names that a zygote imports beforehand), or None
                when it was sent before.
            digests: digests of the blobs in the pack, in order.
            pack: zlib-compressed; each blob preceded by its length as four bytes, big endian.

        Raises ValueError when a blob is not what its digest says.
        """
        blobs: dict[str, bytes] = {}
        if digests:
            try:
                data = zlib.decompress(pack)
            except zlib.error as error:
                raise ValueError("the pack of bundle %s cannot be read: %s" % (name, error)) from error
            start = 0
            for digest in digests:
                end = start + 4 + int.from_bytes(data[start : start + 4], "big")
                blob = data[start + 4 : end]
                if hashlib.sha256(blob).hexdigest() != digest:
                    raise ValueError("a blob of bundle %s does not have its digest %s" % (name, digest))
                blobs[digest] = blob
                start = end
        with self._lock:
            self._blobs.update(blobs)
            if manifest is not None:
                self._manifests[name] = manifest

    def missing(self, name: str) -> list[str] | None:
        """Return the digests that a bundle still lacks; None when even its manifest is unknown."""
        with self._lock:
            manifest = self._manifests.get(name)
            if manifest is None:
                return None
            return [digest for _path, digest in manifest["files"] if digest not in self._blobs]

    def files(self, name: str) -> dict[str, str]:
        """Return a known bundle as path -> digest."""
        with self._lock:
            return dict(self._manifests[name]["files"])

    def frames_for(self, name: str, zygote: Zygote) -> bytes:
        """Return the frames that teach a zygote a bundle which it does not hold yet (b"" when it does).

        Called by Zygote.start under its order lock, so that what is noted here as sent is sent next.
        """
        if name in zygote.bundles:
            return b""
        with self._lock:
            manifest = self._manifests[name]
            files = dict(manifest["files"])
            new = {digest: self._blobs[digest] for digest in files.values() if digest not in zygote.blobs}
        frames = encode(
            {"op": "blobs", "digests": [[digest, len(blob)] for digest, blob in new.items()]}, b"".join(new.values())
        )
        frames += encode({"op": "bundle", "id": name, "files": files})
        if not zygote.bundles:
            frames += encode({"op": "base", "bundle": name, "modules": manifest["modules"]})
        zygote.blobs.update(new)
        zygote.bundles.add(name)
        return frames
