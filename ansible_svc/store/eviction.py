# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep a directory of cached files small: those that were used longest ago go first.

Many processes may do so at once; what one of them has removed already is no problem to the others.
"""

from __future__ import annotations

import os
import time

from ansible_svc.store.private import INCOMING

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

#: A file that is being written and is older was left by a writer that was killed.
_INCOMING_LIFETIME_S = 3600.0


def remove_oldest(directory: int, limit_bytes: int, written: str, counts: Callable[[str], bool] = bool) -> int:
    """Remove files of an open directory until the rest are no larger than a limit; return how many were removed.

    What killed writers left there is removed, too, and not counted.

    Parameters:
        directory: its descriptor.
        limit_bytes: how large the files may be together.
        written: the name of the file that was just written, which stays: the time of others may be the same.
        counts: tells of a name whether the file is one of those that count and may go.

    Raises OSError.
    """
    files, total_bytes = _scan(directory, counts)
    removed = 0
    for _mtime_ns, size_bytes, name in sorted(files):
        if total_bytes <= limit_bytes:
            break
        if name == written:
            continue
        total_bytes -= size_bytes
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            continue  # another process removes old ones, too
        removed += 1
    return removed


def _scan(directory: int, counts: Callable[[str], bool]) -> tuple[list[tuple[int, int, str]], int]:
    """Return (mtime, size, name) of every file that counts and their total size; remove what killed writers left."""
    files = []
    total_bytes = 0
    for name in os.listdir(directory):
        try:
            status = os.stat(name, dir_fd=directory, follow_symlinks=False)
            if name.startswith(INCOMING):
                if time.time() - status.st_mtime > _INCOMING_LIFETIME_S:
                    os.unlink(name, dir_fd=directory)
            elif counts(name):
                files.append((status.st_mtime_ns, status.st_size, name))
                total_bytes += status.st_size
        except FileNotFoundError:
            continue  # another process removed it since the listing
    return files, total_bytes
