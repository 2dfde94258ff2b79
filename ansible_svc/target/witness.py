# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Notice that files have changed, without reading them."""

from __future__ import annotations

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
            if path.endswith("/"):
                waiting += [path + name for name in sorted(os.listdir(path))]
        except OSError:
            found.append((path,))
        else:
            found.append((path, status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size))
    return found
