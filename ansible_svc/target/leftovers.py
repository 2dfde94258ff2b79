# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module would have removed at its end, when it was killed before.

ansible-core kills no module: one whose task has timed out goes on, and removes its directories when it ends. Here it is
killed, so the zygote removes them. What to remove is what AnsibleModule.tmpdir, like others, leaves to atexit, and the
directory of a payload. Names are noted in a page of memory that a runner shares with its zygote.
"""

from __future__ import annotations

import atexit
import mmap
import os
import shutil
import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_HEAD = 2


class Leftovers:
    """The directories that one runner has to remove. Made before it is forked.

    The page holds the length of what follows, and paths that each end with a null byte. The length is written last: a
    runner may be killed at any moment.
    """

    def __init__(self) -> None:
        self._page = mmap.mmap(-1, mmap.PAGESIZE)

    def add(self, path: str) -> None:
        """Note a directory; one for which there is no more room is not."""
        begins = _HEAD + self._length()
        text = os.fsencode(os.path.abspath(path)) + b"\0"
        if begins + len(text) <= len(self._page):
            self._page[begins : begins + len(text)] = text
            self._set_length(begins + len(text) - _HEAD)

    def clear(self) -> None:
        """Begin anew."""
        self._set_length(0)

    def paths(self) -> list[bytes]:
        """Return what was noted."""
        return self._page[_HEAD : _HEAD + self._length()].split(b"\0")[:-1]

    def watch(self) -> None:
        """Note what this process leaves to atexit to remove, from now on."""
        register = atexit.register

        def noting(function: Callable[..., object], *arguments: object, **options: object) -> Callable[..., object]:
            if function is shutil.rmtree and arguments and isinstance(arguments[0], str):
                self.add(arguments[0])
            return register(function, *arguments, **options)

        atexit.register = noting  # type: ignore[assignment]

    def remove(self) -> None:
        """Remove what was noted, in a process of its own, so that nobody waits for a large one."""
        paths = self.paths()
        if not paths or os.fork():
            return
        try:
            signal.set_wakeup_fd(-1)
            for path in paths:
                shutil.rmtree(path, ignore_errors=True)
        finally:
            os._exit(0)

    def _length(self) -> int:
        return int.from_bytes(self._page[:_HEAD], "big")

    def _set_length(self, length: int) -> None:
        self._page[:_HEAD] = length.to_bytes(_HEAD, "big")
