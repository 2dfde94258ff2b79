# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A working directory and a umask for each task thread.

A filter, a test or a vars plugin that changes one of the two must not do so for its neighbours, as it could not in a
forked worker. Linux can give a thread its own (unshare(2), CLONE_FS, for which no privilege is needed); elsewhere, and
where a sandbox forbids it, threads share them.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
from collections.abc import Iterator

_CLONE_FS = 0x200  # sched.h


class FileContext:
    """The present thread's working directory and umask.

    Attributes:
        own: whether this thread has them to itself.

    Threads: made and used by one thread, and not by the main thread.
    """

    def __init__(self) -> None:
        self.own = sys.platform == "linux" and ctypes.CDLL(None).unshare(_CLONE_FS) == 0

    @contextlib.contextmanager
    def restored(self) -> Iterator[None]:
        """Take back what the block changes; nothing happens when they are shared with other threads."""
        if not self.own:
            yield
            return
        umask = os.umask(0o077)
        os.umask(umask)
        directory = _directory()
        try:
            yield
        finally:
            os.umask(umask)
            if directory is not None and _directory() != directory:
                os.chdir(directory)


def _directory() -> str | None:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return None  # it was removed
