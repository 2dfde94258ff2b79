# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read files of this host piece by piece, for the controller that fetches them."""

from __future__ import annotations

import os
import stat

from ansible_svc.store import digest_file, file_access_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Largest piece that one call returns.
MAX_PIECE_BYTES = 1024 * 1024


def read_piece(path: str, offset: int, length: int) -> dict[str, Any]:
    """Return a piece of a file and what the file was like after the piece was read.

    Keeps no state between calls, so a controller that goes away leaves nothing open.

    Parameters:
        path: the file.
        offset: where to read, in bytes.
        length: how much to read at most, up to MAX_PIECE_BYTES.

    Returns {"data": bytes, shorter than asked for at the end only; "size"; "mode"; "file": [device, inode], which file
    it is; "changed": the modification time in nanoseconds}.

    Raises:
        FileAccessError: it cannot be opened or read, or is no regular file.
        ValueError: offset or length is out of bounds.
    """
    if offset < 0 or not 0 < length <= MAX_PIECE_BYTES:
        raise ValueError(f"no piece has offset {offset} and length {length}")
    try:
        # O_NONBLOCK: a fifo must not hold the reader.
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(None, "not a regular file")
            data = _read(descriptor, offset, length)
            status = os.fstat(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise file_access_error("read", path, error) from error
    return {
        "data": data,
        "size": status.st_size,
        "mode": stat.S_IMODE(status.st_mode),
        "file": [status.st_dev, status.st_ino],
        "changed": status.st_mtime_ns,
    }


def digest_prefix(path: str, length: int) -> str:
    """Return the digest of the first *length* bytes of a file.

    Raises:
        FileAccessError: it cannot be opened or read.
    """
    try:
        return digest_file(path, length)
    except OSError as error:
        raise file_access_error("read", path, error) from error


def _read(descriptor: int, offset: int, length: int) -> bytes:
    pieces = []
    while length > 0:
        data = os.pread(descriptor, length, offset)
        if not data:
            break
        pieces.append(data)
        offset += len(data)
        length -= len(data)
    return b"".join(pieces)
