# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the compiled code of bundles in the user's cache directory, for the zygotes after this one.

A file holds the code that one bundle needed and that no file had before, and names the files that have the rest, so
that what modules share is kept once. Its name is the bundle's with the release of Python that can read it; its content
is the sha256 of all that follows, then, marshalled: (names of other files, {(digest of the source, path): code}).

The directory belongs to this user alone (store/private.py decides), so whatever is in it was compiled by this user.
"""

from __future__ import annotations

import marshal
import os
import sys

from ansible_svc.store.eviction import remove_oldest
from ansible_svc.store.private import checked, open_private, read_checked, write_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

    #: (digest of the source, path in the bundle) -> compiled code
    Codes = dict[tuple[str, str], CodeType]


class CodeCache:
    """The directory of compiled code.

    Parameters:
        directory: absolute path.
        limit_bytes: how much to keep there; the files that were used longest ago go first.

    Threads: one. Any number of processes may use a directory at once.
    """

    def __init__(self, directory: str, limit_bytes: int) -> None:
        self._directory = directory
        self._limit_bytes = limit_bytes
        self._file_of: dict[tuple[str, str], str] = {}
        self._loaded: set[str] = set()

    def load(self, bundle: str) -> Codes:
        """Return what is kept of a bundle's code, as far as it can be read and was not loaded for other bundles."""
        codes: Codes = {}
        try:
            folder = open_private(self._directory)
        except OSError:
            return codes
        try:
            names = [_name(bundle)]
            for name in names:
                if name in self._loaded:
                    continue
                others, found = _read(folder, name)
                self._loaded.add(name)
                names += others
                codes.update(found)
                self._file_of.update(dict.fromkeys(found, name))
        except OSError:
            return codes
        finally:
            os.close(folder)
        return codes

    def keep(self, bundle: str, codes: Codes) -> None:
        """Keep a bundle's code as far as no file has it; nothing is written when all of it is kept. Raises OSError."""
        new = {key: code for key, code in codes.items() if key not in self._file_of}
        if not new:
            return
        name = _name(bundle)
        others = sorted({self._file_of[key] for key in codes if key in self._file_of} - {name})
        inner = marshal.dumps((others, {**_own(codes, self._file_of, name), **new}))
        if len(inner) > self._limit_bytes:
            return
        folder = open_private(self._directory)
        try:
            write_private(folder, name, checked(inner))
            self._file_of.update(dict.fromkeys(new, name))
            remove_oldest(folder, self._limit_bytes, name)
        finally:
            os.close(folder)


def _name(bundle: str) -> str:
    return "%s-%s-%x" % (bundle[:32], sys.implementation.cache_tag, sys.hexversion)


def _own(codes: Codes, file_of: dict[tuple[str, str], str], name: str) -> Codes:
    return {key: code for key, code in codes.items() if file_of.get(key) == name}


def _read(folder: int, name: str) -> tuple[list[str], Codes]:
    kept = read_checked(folder, name)
    if kept is None:
        return [], {}
    os.utime(name, dir_fd=folder, follow_symlinks=False)
    return marshal.loads(kept)  # type: ignore[no-any-return]  # noqa: S302 - this user's own, and sound
