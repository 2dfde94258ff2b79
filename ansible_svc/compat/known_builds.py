# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What modules of ansible-core were built of, so that they need not be built in every run.

To build a module takes ansible-core 40 to 75 ms, most of it to look for files. What it finds is determined by its
release, by the module and by the folders that may have ``module_utils`` in the place of its own. So this is about
ansible-core's modules as they were released, while there are no such folders; the files themselves are read each time,
and each must be what it was.

Uses of ansible-core (2.19 to 2.21): ``_get_paths`` of the loader of ``module_utils``, which ``recursive_finder`` asks
as well, and which files that one writes itself (``shipped.GENERATED``).
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ansible
from ansible.plugins.loader import module_utils_loader
from ansible.utils.display import Display

from ansible_svc.compat.module_build import AnsiballZ
from ansible_svc.compat.shipped import GENERATED, is_shipped

display = Display()

_ROOT = Path(str(ansible.__file__)).parents[1]
# From this verbosity on ansible-core tells of every file that it puts into a payload.
_TELLS_FILES = 5


class KnownBuilds:
    """What modules were built of.

    Threads: any. What is known is read and written in single steps.
    """

    def __init__(self) -> None:
        self._known: dict[str, Any] = {}
        self._told: dict[str, Any] = {}

    def learn(self, told: dict[str, Any]) -> None:
        """Take in what another process has told of the same ansible-core."""
        self._known.update(told)

    def tell(self) -> dict[str, Any]:
        """Return what was noted or found in this process, as plain values: path of a module -> its parts."""
        return dict(self._told)

    def find(self, path: str) -> AnsiballZ | None:
        """Return a module as it would be built now; None when it has to be built.

        Parameters:
            path: its file.
        """
        known = self._known.get(path)
        if known is None or display.verbosity >= _TELLS_FILES or not _only_core_is_searched():
            return None
        files = {}
        for relative, digest, written in known["files"]:
            content = written.encode() if written is not None else _read(relative)
            if content is None or hashlib.sha256(content).hexdigest() != digest:
                return None
            files[relative] = content
        self._told[path] = known
        return AnsiballZ(known["fqn"], known["profile"], files, tuple(known["shebang"]))

    def note(self, path: str, parts: AnsiballZ, digests: Sequence[tuple[str, str]]) -> None:
        """Note what a module was built of, if that can be known another time.

        Parameters:
            path: its file.
            parts: what ansible-core has just built of it.
            digests: path and hexadecimal sha256 of each of its files.
        """
        relative = parts.fqn.replace(".", "/") + ".py"
        if path != str(_ROOT / relative) or relative not in parts.files or not is_shipped(digests):
            return
        if _only_core_is_searched():
            self._known[path] = self._told[path] = {
                "fqn": parts.fqn,
                "profile": parts.profile,
                "shebang": parts.shebang,
                "files": [
                    (relative, digest, parts.files[relative].decode() if relative in GENERATED else None)
                    for relative, digest in digests
                ],
            }


def _only_core_is_searched() -> bool:
    """Tell whether ansible-core looks for module_utils in its own folder only."""
    folders = {Path(folder) for folder in module_utils_loader._get_paths(subdirs=False) if os.path.isdir(folder)}
    return folders <= {_ROOT / "ansible" / "module_utils"}


def _read(relative: str) -> bytes | None:
    try:
        return (_ROOT / relative).read_bytes()
    except OSError:
        return None
