# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep an archive with what of it was compiled, for the next agent."""

from __future__ import annotations

from ansible_svc.target import boot_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ansible_svc.target.archive import ArchiveImporter
    from ansible_svc.target.cache import Cache


class OwnCode:
    """The boot file of an archive (see boot_file.py), which grows with what agents come to need.

    Parameters:
        cache: where it is kept.
        importer: what serves the archive.
        found: what that has compiled already was found there.

    Threads: one at a time.
    """

    def __init__(self, cache: Cache, importer: ArchiveImporter, found: bool) -> None:
        self._cache = cache
        self._importer = importer
        self._name = boot_file.file_name(importer.digest)
        self._count = len(importer.codes) if found else 0
        if found:
            cache.used_boot_file(self._name)

    def keep(self) -> None:
        """Write the file if anything was compiled that it does not hold."""
        codes = dict(self._importer.codes)
        if len(codes) > self._count:
            self._cache.keep_boot_file(self._name, boot_file.content(self._importer.packed, codes))
            self._count = len(codes)
