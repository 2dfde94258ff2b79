# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name what can be wrong with a blob, or with the file that it comes from or goes to."""

from __future__ import annotations

from ansible_svc.errors import Error, RefusedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class DigestMismatchError(Error, ValueError):
    """Tell that content is not what its digest or its size says."""


class StoreFullError(Error, RuntimeError):
    """Tell that a blob does not fit into memory beside those that must stay."""


class BlobNotFoundError(Error, LookupError):
    """Tell that nobody offered the blob, or that it is no longer kept."""


class NotGrantedError(RefusedError):
    """Tell a context that no task of its own was given the blob."""


class SourceChangedError(Error, RuntimeError):
    """Tell that a file is no longer what it was when its transfer began."""


class FileAccessError(Error, OSError):
    """Tell that a file cannot be read or written: the message and ``filename`` name it, ``errno`` says why."""

    @property
    def errno(self) -> Any:  # type: ignore[override]  # OSError's is an attribute that does not cross the wire
        """Return the number of the error as on the side where the file is."""
        return self.details.get("errno")

    @property
    def filename(self) -> Any:
        """Return the path of the file."""
        return self.details.get("path")


def file_access_error(action: str, path: str, error: OSError) -> FileAccessError:
    """Make the error for *path* on which *action* ("read", "write", ...) failed with *error*."""
    reason = error.strerror or str(error) or type(error).__name__
    return FileAccessError(f"cannot {action} {path}: {reason}", {"path": path, "errno": error.errno})
