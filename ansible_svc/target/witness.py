# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notice that files have changed, without reading them."""

from __future__ import annotations

import contextlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable


def look_at(paths: Iterable[str]) -> object:
    """Return something that differs as soon as one of some files does, or a file in one of some directories."""
    found: list[tuple[object, ...]] = []
    waiting = list(paths)
    for path in waiting:
        try:
            status = os.stat(path)
        except OSError:
            found.append((path,))
            continue
        found.append((path, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size))
        if path.endswith("/"):
            with contextlib.suppress(OSError):  # not allowed to list it: then its own times have to do
                waiting += [path + name for name in sorted(os.listdir(path))]
    return found


class Witness:
    """What some files, and files in some directories, looked like when this was made.

    Parameters:
        paths: those of directories end in "/".

    Threads: any.
    """

    def __init__(self, paths: Iterable[str]) -> None:
        self._paths = list(paths)
        self._seen = look_at(self._paths)

    def has_changed(self) -> bool:
        """Tell whether any of them looks different now."""
        return look_at(self._paths) != self._seen
