# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put content into files on this host, all or nothing.

A file is written under no name at all (O_TMPFILE) where the file system can do that, so that even the sudden death of
the process leaves nothing behind; elsewhere under a temporary name next to its destination. It takes its place by an
atomic rename after its size and digest were found right.
"""

from __future__ import annotations

import errno
import os
from contextlib import closing

from ansible_svc.store import DigestMismatchError, file_access_error
from ansible_svc.store.digests import hasher
from ansible_svc.target.blobs import WIDEST, chunks_of, pull

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Generator
    from types import TracebackType

    from ansible_svc.service import Request
    from ansible_svc.target.blobs import Fetch

#: Content up to this size is better sent along with the request than pulled.
INLINE_BYTES = 64 * 1024

# O_PATH: a directory may be writable without being readable.
_OPEN_DIRECTORY = getattr(os, "O_PATH", os.O_RDONLY) | os.O_DIRECTORY | os.O_CLOEXEC
_OPEN_UNNAMED = getattr(os, "O_TMPFILE", 0) | os.O_RDWR | os.O_CLOEXEC
_OPEN_NAMED = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# What file systems and kernels without O_TMPFILE answer, see open(2).
_NO_TMPFILE = (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL)


class FileWriter:
    """Write files whose content comes with a request or is pulled from the controller.

    Threads: ``write`` may be called from any thread, also for the same path: the last rename wins.
    """

    def __init__(self, fetch: Fetch) -> None:
        """Use *fetch* (see `blobs.fetch_from`) for content that does not come with a request."""
        self._fetch = fetch

    def pull(self, digest: str, size: int, request: Request | None = None, widest: int = WIDEST) -> bytes:
        """Return content from the controller. Raises as `blobs.pull`; the digest is not checked yet."""
        return b"".join(pull(self._fetch, chunks_of(digest, size), request, widest))

    def write(
        self,
        path: str,
        digest: str,
        size: int,
        mode: int | None = None,
        creation_mode: int = 0o600,
        content: bytes | None = None,
        request: Request | None = None,
        widest: int = WIDEST,
    ) -> None:
        """Make *path* a file with the content that *digest* names.

        A symlink at *path* is followed, as sftp and scp do. On any error *path* is as it was before.

        Parameters:
            path: where the file is to be; its directory must exist.
            digest, size: what the content must be.
            mode: permission bits; None keeps those of the file that is there, or else uses *creation_mode*.
            creation_mode: permission bits of a new file, less the umask.
            content: the content; None to pull it.
            request: the request that this is done for: its deadline and cancellation end the transfer.
            widest: see `blobs.pull`.

        Raises:
            FileAccessError: the file cannot be written; names it.
            DigestMismatchError: the content is not what it should be.
            NotGrantedError: the content was not granted to this context.
            Error: what else can end a transfer, see `blobs.pull`.
        """
        running = hasher()
        have = 0
        source = pull(self._fetch, chunks_of(digest, size), request, widest) if content is None else _given(content)
        with AtomicFile(path) as file, closing(source) as pieces:
            for piece in pieces:
                file.write(piece)
                running.update(piece)
                have += len(piece)
            if have != size or running.hexdigest() != digest:
                raise DigestMismatchError(
                    f"what arrived for {path} has {have} bytes and digest {running.hexdigest()}, "
                    f"not {size} bytes and digest {digest}"
                )
            file.commit(mode, creation_mode)


class AtomicFile:
    """Write a file that appears under its name as a whole, by ``commit``, or not at all.

    A context manager: leaving it without ``commit`` removes what was written. One thread uses it.
    """

    def __init__(self, path: str) -> None:
        """Prepare to write *path*; a symlink there is followed. Nothing is opened yet."""
        self.path = path
        self._target = os.path.realpath(path)
        self._name = os.path.basename(self._target)
        self._directory = -1
        self._descriptor = -1
        self._temporary: str | None = None  # the name, where there has to be one

    def __enter__(self) -> AtomicFile:
        """Open the file.

        Raises:
            FileAccessError: that is not possible.
        """
        try:
            if os.path.isdir(self._target):
                raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
            self._directory = os.open(os.path.dirname(self._target), _OPEN_DIRECTORY)
            self._descriptor = self._open()
        except OSError as error:
            self._discard()
            raise file_access_error("write", self.path, error) from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the file, and remove it unless it was committed."""
        self._discard()

    def write(self, data: bytes) -> None:
        """Append *data*.

        Raises:
            FileAccessError: that is not possible.
        """
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(self._descriptor, left) :]
        except OSError as error:
            raise file_access_error("write", self.path, error) from error

    def commit(self, mode: int | None = None, creation_mode: int = 0o600) -> None:
        """Give the file its mode and its name; what had the name is gone.

        Parameters:
            mode: permission bits; None keeps mode and, as far as permitted, owner of the file that is replaced.
            creation_mode: permission bits, less the umask, where *mode* is None and nothing is replaced.

        Raises:
            FileAccessError: that is not possible.
        """
        try:
            self._apply_mode(mode, creation_mode)
            if self._temporary is None:
                # Only rename replaces, and only what has a name can be renamed.
                name = _temporary_name()
                os.link(f"/proc/self/fd/{self._descriptor}", name, dst_dir_fd=self._directory, follow_symlinks=True)
                self._temporary = name
            os.rename(self._temporary, self._name, src_dir_fd=self._directory, dst_dir_fd=self._directory)
            self._temporary = None
        except OSError as error:
            raise file_access_error("write", self.path, error) from error

    def _open(self) -> int:
        if hasattr(os, "O_TMPFILE"):
            try:
                descriptor = os.open(".", _OPEN_UNNAMED, 0o600, dir_fd=self._directory)
            except OSError as error:
                if error.errno not in _NO_TMPFILE:
                    raise
            else:
                if os.path.exists(f"/proc/self/fd/{descriptor}"):
                    return descriptor
                os.close(descriptor)  # without /proc it could never be given a name
        name = _temporary_name()
        descriptor = os.open(name, _OPEN_NAMED, 0o600, dir_fd=self._directory)
        self._temporary = name
        return descriptor

    def _apply_mode(self, mode: int | None, creation_mode: int) -> None:
        if mode is None:
            try:
                replaced = os.stat(self._name, dir_fd=self._directory, follow_symlinks=False)
            except FileNotFoundError:
                mode = creation_mode & ~_umask()
            else:
                _keep_owner(self._descriptor, replaced)
                mode = replaced.st_mode & 0o777  # set-id bits were meant for the old content
        os.fchmod(self._descriptor, mode)

    def _discard(self) -> None:
        if self._temporary is not None:
            os.unlink(self._temporary, dir_fd=self._directory)
            self._temporary = None
        for descriptor in (self._descriptor, self._directory):
            if descriptor >= 0:
                os.close(descriptor)
        self._descriptor = self._directory = -1


def _given(content: bytes) -> Generator[bytes, None, None]:
    yield content


def _temporary_name() -> str:
    return f".ansible_svc-{os.urandom(8).hex()}"


def _keep_owner(descriptor: int, replaced: os.stat_result) -> None:
    """Give the new file the owner and group of the old one; where only root could, it stays with its writer."""
    own = os.fstat(descriptor)
    if (own.st_uid, own.st_gid) != (replaced.st_uid, replaced.st_gid):
        try:
            os.fchown(descriptor, replaced.st_uid, replaced.st_gid)
        except PermissionError:
            return


def _umask() -> int:
    """Return the umask of this process without changing it, which other threads would feel."""
    try:
        with open("/proc/self/status", "rb") as status:
            for line in status:
                if line.startswith(b"Umask:"):
                    return int(line.split()[1], 8)
    except OSError:
        pass
    return 0o077
