# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what a store holds and did. Apart, since `typing` is slow to import and targets rarely ask."""

from __future__ import annotations

from typing import NamedTuple


class MemoryStatistics(NamedTuple):
    """Count what a MemoryStore holds and did since it was made.

    ``refused`` counts blobs that were not kept because they do not fit beside what is pinned.
    """

    blobs: int
    size_bytes: int
    limit_bytes: int
    pinned_blobs: int
    pinned_bytes: int
    hits: int
    misses: int
    evictions: int
    refused: int


class DiskStatistics(NamedTuple):
    """Count what one DiskStore object did; other processes on the same directory have their own.

    ``broken`` counts blobs that did not match their name and were removed, ``problems`` operations that
    failed and were answered with "not there".
    """

    hits: int
    misses: int
    writes: int
    written_bytes: int
    evictions: int
    broken: int
    problems: int
