# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task wants in place on a host before its next module or command: collected here, sent along with that."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class MakeDirectory:
    """Create a directory. ``own``: it goes when the agent ends, if nobody removes it before."""

    path: str
    mode: int
    own: bool


@dataclass(frozen=True)
class CopyFile:
    """Copy a file of the controller, which must stay until that is done."""

    local_path: str
    path: str


@dataclass(frozen=True)
class WriteBytes:
    """Write a file; ``mode`` are its permission bits, less the umask, if it is new."""

    path: str
    data: bytes
    mode: int = 0o600


@dataclass(frozen=True)
class AddMode:
    """Add permission bits."""

    paths: tuple[str, ...]
    bits: int


Preparation = MakeDirectory | CopyFile | WriteBytes | AddMode
