# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name content by its sha256, in lower-case hex.

Owns what a digest looks like and how bytes and files are digested. Knows nothing of stores.
"""

from __future__ import annotations

import hashlib
import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    #: What can be digested without a copy.
    Content = bytes | bytearray | memoryview

DIGEST_LENGTH = 64
_READ_BYTES = 1024 * 1024
_HEX = frozenset("0123456789abcdef")

hasher = hashlib.sha256


def digest_bytes(content: Content) -> str:
    """Return the digest of *content*."""
    return hasher(content).hexdigest()


def digest_file(path: str | os.PathLike[str], length: int | None = None) -> str:
    """Return the digest of the file *path*, or of only its first *length* bytes.

    Memory is bounded however large the file is. A file shorter than *length* is digested whole.

    Raises:
        OSError: the file cannot be opened or read.
    """
    running = hasher()
    left = length
    with open(path, "rb", buffering=0) as stream:
        while left is None or left > 0:
            data = stream.read(_READ_BYTES if left is None else min(_READ_BYTES, left))
            if not data:
                break
            running.update(data)
            if left is not None:
                left -= len(data)
    return running.hexdigest()


def is_digest(text: object) -> bool:
    """Say whether *text* is a well-formed digest.

    Only such names ever become file names, so a digest cannot carry a path separator.
    """
    return isinstance(text, str) and len(text) == DIGEST_LENGTH and _HEX.issuperset(text)


def require_digest(text: object) -> str:
    """Return *text* if it is a well-formed digest.

    Raises:
        ValueError: it is not.
    """
    if not is_digest(text):
        raise ValueError(f"not a sha256 in lower-case hex: {text!r:.100}")
    return str(text)
