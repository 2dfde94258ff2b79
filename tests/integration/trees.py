# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Describe the files that a run left, so that two runs can be compared."""

from __future__ import annotations

import hashlib
import re
import stat
from dataclasses import dataclass
from pathlib import Path

# A random number and a pid.
_JOB = re.compile(r"\bj\d+\.\d+$")
# A pid and the time.
_BACKUP = re.compile(r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~$")


@dataclass(frozen=True)
class Entry:
    """Describe one file; content is a digest, a link's target, or empty."""

    kind: str
    mode: str
    owner: tuple[int, int]
    content: str


def describe(directory: Path, base: Path) -> dict[str, Entry]:
    """Return every file below directory by its path relative to base.

    What a job file holds has times in it, so only that there is one counts.
    """
    found = {}
    for path in sorted(directory.rglob("*")):
        name = _BACKUP.sub(".<backup>~", _JOB.sub("<job>", str(path.relative_to(base))))
        found[name] = _entry(path, opaque=_JOB.search(path.name) is not None)
    return found


def _entry(path: Path, opaque: bool) -> Entry:
    status = path.lstat()
    content = ""
    if stat.S_ISLNK(status.st_mode):
        content = str(path.readlink())
    elif stat.S_ISREG(status.st_mode) and not opaque:
        content = hashlib.sha256(path.read_bytes()).hexdigest()
    return Entry(
        kind=stat.filemode(status.st_mode)[0],
        mode=f"{stat.S_IMODE(status.st_mode):04o}",
        owner=(status.st_uid, status.st_gid),
        content=content,
    )
