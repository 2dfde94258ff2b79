# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What building modules has found out, kept for the next run.

Two things are found out about each file of a payload: what it imports (compat/module_imports.py), and how it reads
without comments, documentation and the like (transport/compact.py). Both are determined by its content. What a module
of ansible-core was built of (compat/known_builds.py) is determined by all of the content. So what is kept cannot be
outdated; what finds it out is part of the name under which it is kept.
"""

from __future__ import annotations

import json
import platform

from ansible.executor import module_common
from ansible.release import __version__

from ansible_svc import source
from ansible_svc.compat import known_builds, module_build, module_imports, module_search, shipped
from ansible_svc.compat.known_builds import KnownBuilds
from ansible_svc.compat.module_imports import remember_imports
from ansible_svc.compat.shipped import is_shipped_file
from ansible_svc.store.kept_file import KeptFile, identity_of
from ansible_svc.transport import compact

_KIND = "builds"
_FOUND_OUT_BY = (module_common, module_build, module_imports, module_search, known_builds, compact, source, shipped)
#: Of more than this only what the last run has needed is kept.
_KEPT_BYTES = 8 << 20


class BuildMemory:
    """Imports, shortened files and builds, in this process and from one run to the next.

    Attributes:
        builds: what modules were built of.

    Threads: ``load`` and ``save`` the main one, while nothing is built; ``shortened`` any.
    """

    def __init__(self) -> None:
        self._imports = remember_imports()
        self.builds = KnownBuilds()
        self._directory: str | None = None
        self._file = KeptFile(None, _KIND, "")
        self._kept: dict[str, dict[str, object]] = {"imports": {}, "builds": {}, "short": {}}
        self._short: dict[str, str] = {}
        self._needed: dict[str, str] = {}

    def load(self, directory: str | None) -> None:
        """Take in what earlier runs have kept in a cache directory, unless that was done."""
        if directory == self._directory:
            return
        self._directory = directory
        self._file = KeptFile(directory, _KIND, _identity())
        content = self._file.read()
        if content is not None:
            self._kept = json.loads(content)
            self._imports.learn(self._kept["imports"])  # type: ignore[arg-type]
            self.builds.learn(self._kept["builds"])
            self._short.update(self._kept["short"])  # type: ignore[arg-type]

    def save(self) -> None:
        """Keep what this run has needed, if the last one has not."""
        now: dict[str, dict[str, object]] = {
            "imports": dict(self._imports.tell()),
            "builds": self.builds.tell(),
            "short": dict(self._needed),
        }
        if all(now[kind].keys() <= self._kept[kind].keys() for kind in now):
            return
        content = _encode({kind: {**self._kept[kind], **now[kind]} for kind in now})
        self._file.write(content if len(content) <= _KEPT_BYTES else _encode(now))

    def shortened(self, relative: str, digest: str, content: bytes) -> bytes:
        """Return a Python file of ansible-core's own shortened; any other file as it is.

        Nobody but ansible-core is known not to look at its docstrings and annotations.

        Parameters:
            relative: its path in the payload.
            digest: of the content.
        """
        key = f"{relative} {digest}"
        short = self._short.get(key)
        if short is None:
            if not (relative.endswith(".py") and is_shipped_file(relative, digest)):
                return content
            short = self._short[key] = compact.of_core(content.decode())
        self._needed[key] = short
        return short.encode()


def _encode(kept: dict[str, dict[str, object]]) -> bytes:
    return json.dumps(kept, separators=(",", ":")).encode()


def _identity() -> str:
    """Return a digest of all that decides what is found out about a file."""
    return identity_of(f"{__version__} {platform.python_version()}".encode(), _FOUND_OUT_BY)
