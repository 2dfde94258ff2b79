# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller has worked out, kept in its user's cache directory for the next run."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType

from ansible_svc.store.private import checked, open_private, private_path, read_checked, write_private


class KeptFile:
    """One file; those of its kind that were made of something else are removed when it is written.

    A cache directory that cannot be used is none: everything is then worked out in each run.

    Parameters:
        directory: the setting, see ``private_path``; None: there is no cache directory.
        kind: the beginning of its name.
        identity: of all that the content was made of, and of what made it; see ``identity_of``.
    """

    def __init__(self, directory: str | None, kind: str, identity: str) -> None:
        self._path = private_path(directory or "")
        self._prefix = kind + "-"
        self._name = self._prefix + identity[:32]

    def read(self) -> bytes | None:
        """Return the content; None when it is not there or not whole."""
        try:
            with self._folder() as folder:
                return read_checked(folder, self._name)
        except OSError:
            return None

    def write(self, content: bytes) -> None:
        """Keep a content for the next run, if that is possible."""
        try:
            with self._folder(create=True) as folder:
                write_private(folder, self._name, checked(content))
                for other in os.listdir(folder):
                    if other.startswith(self._prefix) and other != self._name:
                        os.unlink(other, dir_fd=folder)
        except OSError:
            return

    @contextlib.contextmanager
    def _folder(self, create: bool = False) -> Iterator[int]:
        if self._path is None:
            raise FileNotFoundError("there is no cache directory")
        folder = open_private(self._path, create)
        try:
            yield folder
        finally:
            os.close(folder)


def identity_of(made_of: bytes, makers: Iterable[ModuleType]) -> str:
    """Return a hexadecimal digest that changes with what something is made of, and with the modules that make it."""
    digest = hashlib.sha256(made_of)
    for module in makers:
        digest.update(Path(str(module.__file__)).read_bytes())
    return digest.hexdigest()
