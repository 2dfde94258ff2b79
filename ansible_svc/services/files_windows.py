# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Share out how much of files may be on its way at any time, since all of that is in the controller's memory."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

#: Chunks (see target.blobs.CHUNK_BYTES) for a transfer that is alone, and for one of many.
WIDEST = 16
NARROWEST = 2


class Windows:
    """Give each transfer a window that is the narrower the more of them there are when it begins.

    Threads: any. Guarded by ``_lock``: the number of transfers.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._transfers = 0

    @contextmanager
    def share(self) -> Iterator[int]:
        """Give how many chunks a transfer may have outstanding while the block runs."""
        with self._lock:
            self._transfers += 1
            widest = max(NARROWEST, WIDEST // self._transfers)
        try:
            yield widest
        finally:
            with self._lock:
                self._transfers -= 1
