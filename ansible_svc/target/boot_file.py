# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep an archive with its compiled modules in the cache directory, for the next agent.

Such a file is the sha256 of all that follows, then, marshalled: the archive as it was sent, and the compiled modules
(see archive.Codes). Its name holds the archive's digest and the release of Python that can read it.

The text of this file is also part of the command that boots an agent (see first_stage.py).
"""

from __future__ import annotations

import marshal
import os
import sys

from ansible_svc.store.private import checked, open_private, read_checked

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ansible_svc.target.archive import Codes


def file_name(digest: str) -> str:
    """Return the name under which an archive is kept for this release of Python."""
    return "boot-%s-%s-%x" % (digest[:32], sys.implementation.cache_tag, sys.hexversion)


def read(directory: str | None, digest: str) -> tuple[bytes, Codes] | None:
    """Return an archive and its compiled modules from the cache directory; None when it is not to be had there."""
    try:
        folder = open_private(directory or "")
        try:
            kept = read_checked(folder, file_name(digest))
        finally:
            os.close(folder)
    except OSError:
        return None
    if kept is None:
        return None
    return marshal.loads(kept)  # type: ignore[no-any-return]  # noqa: S302 - this user's own, and sound


def content(packed: bytes, codes: Codes) -> bytes:
    """Return what such a file holds."""
    return checked(marshal.dumps((packed, codes)))
