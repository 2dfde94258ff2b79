# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What has to be in place on this host before a module or command starts.

Preparations travel with the request that needs them, so they cost no round trip of their own. Each is a dictionary:

    {"do": "mkdir", "path", "mode", "own": whether the agent removes it when it ends}
    {"do": "write", "path", "digest", "size", "mode", "content": bytes or None to call back for it,
     "widest": how many pieces may be on their way then}
    {"do": "add_mode", "paths", "bits"}
"""

from __future__ import annotations

import os
import shutil
import stat
import threading

from ansible_svc.errors import Error
from ansible_svc.store import MemoryStore
from ansible_svc.store.private import make_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ansible_svc.target.file_writer import FileWriter


# Content that was called back for is kept, so that the same under another name does not travel again.
_KEPT_BYTES = 16 << 20
_KEPT_FILE_BYTES = 4 << 20


def fetches(preparations: list[dict[str, Any]]) -> bool:
    """Tell whether any of them calls back for content."""
    return any(preparation["do"] == "write" and preparation["content"] is None for preparation in preparations)


class PreparationError(Error, OSError):
    """Tell that a preparation failed; details: "index" of the one, and "reason"."""


class Preparations:
    """Carries out preparations and removes at the end what was made for one task only.

    Parameters:
        writer: returns the file writer; called when the first file is written.

    Threads: any. Guarded by ``_lock``: the directories that are ours to remove.
    """

    def __init__(self, writer: Callable[[], FileWriter]) -> None:
        self._writer = writer
        self._lock = threading.Lock()
        self._own: set[str] = set()
        self._kept = MemoryStore(_KEPT_BYTES)

    def carry_out(self, preparations: list[dict[str, Any]], request: Any) -> None:
        """Do all, in order.

        Parameters:
            preparations: see this module.
            request: the request that they came with; its end ends a transfer.

        Raises PreparationError with the first that fails.
        """
        for index, preparation in enumerate(preparations):
            try:
                self._carry_out(preparation, request)
            except (OSError, Error) as error:
                raise PreparationError(str(error), {"index": index, "reason": str(error)}) from error

    def _carry_out(self, preparation: dict[str, Any], request: Any) -> None:
        what = preparation["do"]
        if what == "mkdir":
            self._make_directory(preparation["path"], preparation["mode"], preparation["own"])
        elif what == "write":
            self._write(preparation, request)
        elif what == "add_mode":
            for path in preparation["paths"]:
                os.chmod(path, stat.S_IMODE(os.stat(path).st_mode) | preparation["bits"])
        else:
            raise ValueError("no preparation is called %s" % what)

    def _write(self, preparation: dict[str, Any], request: Any) -> None:
        digest, size, content = preparation["digest"], preparation["size"], preparation["content"]
        widest = preparation.get("widest", 1)  # nothing is pulled where none is said
        writer = self._writer()
        if content is None and size <= _KEPT_FILE_BYTES:
            content = self._kept.get(digest)
            if content is None:
                content = writer.pull(digest, size, request, widest)
                self._kept.add(digest, content)
        writer.write(
            preparation["path"],
            digest,
            size,
            creation_mode=preparation["mode"],
            content=content,
            request=request,
            widest=widest,
        )

    def _make_directory(self, path: str, mode: int, own: bool) -> None:
        make_directories(os.path.dirname(path))
        os.mkdir(path, 0o700)
        os.chmod(path, mode)
        if own:
            with self._lock:
                self._own.add(path)

    def undo(self, preparations: list[dict[str, Any]]) -> None:
        """Remove what was made for a task that will make it again. Raises OSError."""
        for preparation in preparations:
            if preparation["do"] == "mkdir":
                with self._lock:
                    made = preparation["path"] in self._own
                if made:
                    self.remove(preparation["path"])

    def remove(self, path: str) -> None:
        """Remove a file or a directory with all it holds; nothing happens when it is not there. Raises OSError."""
        with self._lock:
            self._own.discard(path)
        try:
            if os.path.isdir(path) and not os.path.islink(path):
                shutil.rmtree(path)
            else:
                os.unlink(path)
        except FileNotFoundError:
            return

    def close(self) -> None:
        """Remove the directories that no task has removed, because the controller went away in the middle of it."""
        with self._lock:
            own, self._own = self._own, set()
        for path in own:
            shutil.rmtree(path, ignore_errors=True)
