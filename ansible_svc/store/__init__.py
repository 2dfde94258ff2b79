# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep blobs by the sha256 of their content: in memory, on disk, or in memory over disk.

A lazy facade: it runs on targets too, where every module costs a transfer, so nothing is imported
before it is used.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ansible_svc.store._errors import (
        BlobNotFoundError,
        DigestMismatchError,
        FileAccessError,
        NotGrantedError,
        SourceChangedError,
        StoreFullError,
        file_access_error,
    )
    from ansible_svc.store.digests import digest_bytes, digest_file, is_digest, require_digest
    from ansible_svc.store.disk import DiskStore
    from ansible_svc.store.layered import LayeredStore
    from ansible_svc.store.memory import MemoryStore
    from ansible_svc.store.statistics import DiskStatistics, MemoryStatistics

__all__ = [
    "BlobNotFoundError",
    "DigestMismatchError",
    "DiskStatistics",
    "DiskStore",
    "FileAccessError",
    "LayeredStore",
    "MemoryStatistics",
    "MemoryStore",
    "NotGrantedError",
    "SourceChangedError",
    "StoreFullError",
    "digest_bytes",
    "digest_file",
    "file_access_error",
    "is_digest",
    "require_digest",
]

_MODULES = {
    "BlobNotFoundError": "_errors",
    "DigestMismatchError": "_errors",
    "DiskStatistics": "statistics",
    "DiskStore": "disk",
    "FileAccessError": "_errors",
    "LayeredStore": "layered",
    "MemoryStatistics": "statistics",
    "MemoryStore": "memory",
    "NotGrantedError": "_errors",
    "SourceChangedError": "_errors",
    "StoreFullError": "_errors",
    "digest_bytes": "digests",
    "digest_file": "digests",
    "file_access_error": "_errors",
    "is_digest": "digests",
    "require_digest": "digests",
}


def __getattr__(name: str) -> object:
    """Import the one module that defines *name*."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
