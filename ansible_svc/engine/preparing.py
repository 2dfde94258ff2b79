# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task wants in place on a host before its next module or command: collected here, sent along with that."""

from __future__ import annotations

from typing import NamedTuple


class MakeDirectory(NamedTuple):
    """Create a directory. ``own``: it goes when the agent ends, if nobody removes it before."""

    path: str
    mode: int
    own: bool


class CopyFile(NamedTuple):
    """Copy a file of the controller, which must stay until that is done."""

    local_path: str
    path: str


class WriteBytes(NamedTuple):
    """Write a file; ``mode`` are its permission bits, less the umask, if it is new."""

    path: str
    data: bytes
    mode: int = 0o600


class AddMode(NamedTuple):
    """Add permission bits."""

    paths: tuple[str, ...]
    bits: int


Preparation = MakeDirectory | CopyFile | WriteBytes | AddMode
