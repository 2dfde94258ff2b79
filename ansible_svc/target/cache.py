# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The user's cache directory on a managed host: what an agent has here outlasts it.

    boot-<digest>-<release>   the agent's own code, compiled (first_stage.py)
    blobs/                    module code as the controller sent it, each file named by its digest
    code/                     module code, compiled (code_cache.py)

Only code goes here: what was made from public files of the controller. Arguments of modules, the content of files that
are copied, and results never do, with ``no_log`` or without it.

It is a cache and nothing more: without it everything works, and more is sent. store/private.py decides whether the
directory may be trusted; everybody who uses it goes through there.
"""

from __future__ import annotations

import os
import stat

from ansible_svc.names import KEPT_LENGTH
from ansible_svc.store.disk import DiskStore
from ansible_svc.store.layered import LayeredStore
from ansible_svc.store.memory import MemoryStore
from ansible_svc.store.private import open_private, write_private

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

#: Module code that an agent keeps in memory.
MEMORY_BYTES = 64 << 20
# How many blobs are told of when a connection is made.
_KEPT_TOLD = 2000
# Compiled code gets one part in so many of the space, the agent's own at most one, and blobs what they leave.
_CODE_SHARE = 4
_BOOT_SHARE = 2
_BOOT_PREFIX = "boot-"
_BOOT_FILES_KEPT = 6


class Cache:
    """The cache directory of one agent.

    Parameters:
        directory: absolute path, or None to do without.
        limit_bytes: how much to keep below it.
        report: called with one line of text for the first problem; those after it mostly follow from it.

    Attributes:
        directory: the path, when the directory is there and can be trusted; else None.
        blobs: module code, in memory and below the directory.

    Threads: any.
    """

    def __init__(self, directory: str | None, limit_bytes: int, report: Callable[[str], None]) -> None:
        self.directory = directory
        self._limit_bytes = limit_bytes
        self._report_first: Callable[[str], None] | None = report
        self.disk: DiskStore | None = None
        if directory is not None:
            try:
                folder = open_private(directory, create=True)
                try:
                    blobs_bytes = self._room_for_blobs(folder)
                finally:
                    os.close(folder)
            except OSError as error:
                self._report("cannot use the cache directory %s: %s" % (directory, error.strerror or error))
                self.directory = None
        if self.directory is not None:
            self.disk = DiskStore(os.path.join(self.directory, "blobs"), blobs_bytes, self._report)
        self.blobs = LayeredStore(MemoryStore(MEMORY_BYTES), self.disk)

    def _report(self, text: str) -> None:
        report, self._report_first = self._report_first, None
        if report is not None:
            report(text)

    def subdirectory(self, name: str) -> str | None:
        """Return a directory of that name below the cache directory, made if need be; None when there can be none."""
        if self.directory is None:
            return None
        path = os.path.join(self.directory, name)
        try:
            os.close(open_private(path, create=True))
        except OSError as error:
            self._report("cannot use the cache directory %s: %s" % (path, error.strerror or error))
            return None
        return path

    def code(self) -> tuple[str, int] | None:
        """Return the directory of compiled module code and how many bytes to keep there; None when there is none."""
        path = self.subdirectory("code")
        return None if path is None else (path, self._limit_bytes // _CODE_SHARE)

    def kept(self) -> list[str]:
        """Return the beginnings of the digests of blobs that are there from earlier runs, as far as they fit."""
        return [] if self.disk is None else [digest[:KEPT_LENGTH] for digest in self.disk.digests(_KEPT_TOLD)]

    def keep_boot_file(self, name: str, content: bytes) -> None:
        """Keep the agent's compiled code for the next agent, and of earlier ones those that were used last."""
        if len(content) <= self._limit_bytes // _BOOT_SHARE:
            self._with_boot_files(lambda folder: self._keep_boot_file(folder, name, content))

    def used_boot_file(self, name: str) -> None:
        """Note that the agent came up from this file."""
        self._with_boot_files(lambda folder: os.utime(name, dir_fd=folder, follow_symlinks=False))

    def _with_boot_files(self, action: Callable[[int], None]) -> None:
        if self.directory is None:
            return
        try:
            folder = open_private(self.directory)
            try:
                action(folder)
            finally:
                os.close(folder)
        except FileNotFoundError:
            return  # another agent removed it first
        except OSError as error:
            self._report("cannot write to the cache directory %s: %s" % (self.directory, error.strerror or error))

    def _keep_boot_file(self, folder: int, name: str, content: bytes) -> None:
        write_private(folder, name, content)
        room_bytes = self._limit_bytes // _BOOT_SHARE
        for index, (_mtime_ns, size_bytes, other) in enumerate(sorted(_boot_files(folder), reverse=True)):
            room_bytes -= size_bytes
            if index >= _BOOT_FILES_KEPT or room_bytes < 0:
                os.unlink(other, dir_fd=folder)
        if self.disk is not None:
            self.disk.limit_bytes = self._room_for_blobs(folder)

    def _room_for_blobs(self, folder: int) -> int:
        boot_bytes = sum(size_bytes for _mtime_ns, size_bytes, _name in _boot_files(folder))
        return max(0, self._limit_bytes - self._limit_bytes // _CODE_SHARE - boot_bytes)

    def show(self) -> dict[str, Any]:
        """Return the directory (None: there is none), and how many files of how many bytes are below it."""
        files = size_bytes = 0
        for _folder, descriptor, names in self._walk():
            for name in names:
                try:
                    status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
                except FileNotFoundError:
                    continue
                if stat.S_ISREG(status.st_mode):
                    files += 1
                    size_bytes += status.st_size
        return {"directory": self.directory, "files": files, "size_bytes": size_bytes, "limit_bytes": self._limit_bytes}

    def clear(self) -> dict[str, Any]:
        """Remove every file below the directory; return what ``show`` said before."""
        before = self.show()
        for _folder, descriptor, names in self._walk():
            for name in names:
                try:
                    if not stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                        os.unlink(name, dir_fd=descriptor)
                except FileNotFoundError:
                    continue
        return before

    def _walk(self) -> Any:
        """Yield (path, descriptor, names) of the directory and those below it that can be trusted too."""
        if self.directory is None:
            return
        paths = [self.directory]
        for path in paths:
            try:
                descriptor = open_private(path)
            except FileNotFoundError:
                continue
            except OSError as error:
                self._report("cannot read the cache directory %s: %s" % (path, error.strerror or error))
                continue
            try:
                names = sorted(os.listdir(descriptor))
                for name in names:
                    if stat.S_ISDIR(os.stat(name, dir_fd=descriptor, follow_symlinks=False).st_mode):
                        paths.append(os.path.join(path, name))
                yield path, descriptor, names
            finally:
                os.close(descriptor)


def _boot_files(folder: int) -> list[tuple[int, int, str]]:
    """Return (mtime, size, name) of the agents' own code in an open directory."""
    found = []
    for name in os.listdir(folder):
        if name.startswith(_BOOT_PREFIX):
            try:
                status = os.stat(name, dir_fd=folder, follow_symlinks=False)
            except FileNotFoundError:
                continue  # another agent has just removed it
            found.append((status.st_mtime_ns, status.st_size, name))
    return found
