# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which code is ansible-core's own, as it was released.

Uses the installed distribution's RECORD (PyPA, "Recording installed projects"), which names the digest of every file.
Where a packager has left that out, the installed files themselves say what was released.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

import ansible
from ansible.release import __version__

#: The releases whose modules were read and are tested; see services/reusable.py.
_KNOWN_RELEASES = ("2.19.", "2.20.", "2.21.")
#: module_common writes these itself (ModuleDepFinder's and recursive_finder's first two), whatever is installed.
GENERATED = frozenset(("ansible/__init__.py", "ansible/module_utils/__init__.py"))


def is_known_release() -> bool:
    """Tell whether this ansible-core is one of the releases that svc was made for."""
    return bool(__version__.startswith(_KNOWN_RELEASES))


def is_shipped(files: Iterable[tuple[str, str]]) -> bool:
    """Tell whether files of a built module are what ansible-core ships under these paths.

    Parameters:
        files: (path inside the payload, hexadecimal sha256) pairs.
    """
    return all(path in GENERATED or is_shipped_file(path, digest) for path, digest in files)


def is_shipped_file(path: str, digest: str) -> bool:
    """Tell whether a file of a built module is the one that ansible-core ships, and nobody else's in its place."""
    return digest == _shipped_digest(path)


@functools.cache
def _shipped_digest(path: str) -> str | None:
    recorded = _record()
    if recorded:
        return recorded.get(path)
    file = Path(ansible.__file__).parents[1] / path
    return hashlib.sha256(file.read_bytes()).hexdigest() if file.is_file() else None


@functools.cache
def _record() -> dict[str, str]:
    """Return path -> digest of what was installed; nothing when nobody has recorded that."""
    try:
        text = metadata.distribution("ansible-core").read_text("RECORD")
    except metadata.PackageNotFoundError:
        return {}
    found = {}
    for line in (text or "").splitlines():
        path, _, rest = line.partition(",sha256=")
        if rest and path.startswith("ansible/"):
            encoded = rest.partition(",")[0]
            found[path] = base64.urlsafe_b64decode(encoded + "=" * (-len(encoded) % 4)).hex()
    return found
