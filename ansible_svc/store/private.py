# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open directories that belong to this user alone.

The one place that decides whether a directory may be trusted: it must be a real directory, owned by the effective
user, and nobody else may write to it. What is done in it is done relative to the descriptor that was checked, so that
nothing can be swapped between the check and the use.

The text of this file is also part of the command that boots an agent (see target/first_stage.py): it stands alone, and
every word of it crosses the wire.
"""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from contextlib import suppress

#: Name of a file that is being written begins so.
INCOMING = ".incoming-"


def open_private(path: str, create: bool = False) -> int:
    """Return a descriptor of a directory that is this user's alone.

    Parameters:
        path: absolute path.
        create: make it, and its parents, when it is missing.

    Raises OSError: it cannot be opened or made; PermissionError: it is somebody else's, or others may write to it.
    """
    flags = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(path, flags)
    except FileNotFoundError:
        if not create:
            raise
        make_directories(path)
        descriptor = os.open(path, flags)
    try:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid():
            raise PermissionError(errno.EPERM, "directory is owned by uid %d" % status.st_uid, path)
        if status.st_mode & 0o022:
            raise PermissionError(errno.EPERM, "directory is writable by others", path)
        if status.st_mode & 0o077:
            os.fchmod(descriptor, 0o700)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def make_directories(path: str) -> None:
    """Make a directory and its parents as far as they are missing, each for this user alone, whatever the umask is.

    Raises OSError.
    """
    parent = os.path.dirname(path)
    if parent != path and not os.path.isdir(parent):
        make_directories(parent)
    with suppress(FileExistsError):  # another process was faster; it is for the caller to look at what that made
        os.mkdir(path, 0o700)
        os.chmod(path, 0o700)


def read_private(directory: int, name: str) -> bytes | None:
    """Return the content of a file of this user's in an open directory; None when it is not there or is no such file.

    Raises OSError: it cannot be read.
    """
    try:
        # O_NONBLOCK: a fifo of that name must not hold the reader.
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ELOOP, errno.EMLINK, errno.ENXIO):
            return None
        raise
    with open(descriptor, "rb") as stream:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.geteuid():
            return None
        return stream.read()


def read_checked(directory: int, name: str) -> bytes | None:
    """Return what ``checked`` was given for a file in an open directory; None when it is not there or not whole.

    Raises OSError: it cannot be read.
    """
    kept = read_private(directory, name)
    if not kept or hashlib.sha256(kept[32:]).digest() != kept[:32]:
        return None
    return kept[32:]


def checked(content: bytes) -> bytes:
    """Return the content of a file that ``read_checked`` can tell from a broken one: its sha256, and then itself."""
    return hashlib.sha256(content).digest() + content


def write_private(directory: int, name: str, content: bytes) -> None:
    """Put a file into an open directory: it is there whole or not at all, however many processes write it at once.

    Raises OSError; nothing is left then.
    """
    incoming = "%s%d-%s" % (INCOMING, os.getpid(), os.urandom(8).hex())
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    descriptor = os.open(incoming, flags, 0o600, dir_fd=directory)
    try:
        try:
            left = memoryview(content)
            while left:
                left = left[os.write(descriptor, left) :]
        finally:
            os.close(descriptor)
        os.rename(incoming, name, src_dir_fd=directory, dst_dir_fd=directory)
    except BaseException:
        os.unlink(incoming, dir_fd=directory)
        raise


def private_home() -> str | None:
    """Return the home directory to keep things in: $HOME when it is this user's, else what the user database names.

    A $HOME that sudo has kept from the user before is not ours to write to. None: there is no home.
    """
    import pwd

    homes = [os.environ.get("HOME", "")]
    try:
        homes.append(pwd.getpwuid(os.geteuid()).pw_dir)
    except KeyError:
        homes.append("")
    for home in homes:
        try:
            if os.path.isabs(home) and os.stat(home).st_uid == os.geteuid():
                return home
        except OSError:
            continue
    return None


def private_path(path: str) -> str | None:
    """Return this user's directory for what is asked for; None when there can be none.

    Parameters:
        path: one in this user's home (``~/...``), or an absolute one, in which each user has a directory of its own.
    """
    if path == "~" or path.startswith("~/"):
        home = private_home()
        return None if home is None else home + path[1:]
    return os.path.join(path, str(os.geteuid())) if os.path.isabs(path) else None
