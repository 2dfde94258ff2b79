# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Import the agent's code from archives.

An archive is zlib-compressed text: for each module its name, "1" if it is a package, and its source, all separated by
NUL, which no source has. It is named by the sha256 of its compressed form. transport/archives.py makes it.

This file is the first of an archive to run (see first_stage.py): it stands alone.
"""

from __future__ import annotations

import importlib.machinery
import sys
import threading
import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType, ModuleType

    #: module name -> whether it is a package, and its compiled code
    Codes = dict[str, tuple[bool, CodeType]]


class ArchiveImporter:
    """A meta path finder and loader over archives.

    Attributes:
        codes: what a cache had, and what was compiled here.

    Threads: any. Guarded by ``_lock``: the archives that were not unpacked yet, and the table of sources.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._packed: list[bytes] = []
        self._sources: dict[str, tuple[bool, str]] = {}
        self.codes: Codes = {}

    def add(self, packed: bytes, codes: Codes) -> None:
        """Serve an archive's modules too. It is unpacked only when a source is wanted."""
        with self._lock:
            self._packed.append(packed)
            self.codes.update(codes)

    def names(self) -> list[str]:
        """Return the names of the modules that the archives hold."""
        self.source_of("")
        with self._lock:
            return list(self._sources)

    def source_of(self, name: str) -> tuple[bool, str] | None:
        """Return whether a module is a package, and its source; None when no archive has it."""
        with self._lock:
            while self._packed:
                parts = iter(zlib.decompress(self._packed.pop()).decode().split("\0"))
                for module, is_package, source in zip(parts, parts, parts):
                    self._sources[module] = bool(is_package), source
            return self._sources.get(name)

    def code_of(self, name: str) -> tuple[bool, CodeType] | None:
        """Return whether a module is a package, and its compiled code; None when no archive has it."""
        found = self.codes.get(name)
        if found is None:
            located = self.source_of(name)
            if located is None:
                return None
            place = "ansible-svc:%s" % name.replace(".", "/")
            found = self.codes[name] = located[0], compile(located[1], place, "exec", dont_inherit=True)
        return found

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that an archive holds, or None."""
        if fullname.partition(".")[0] not in ("ansible_svc", "mitogen"):
            return None
        found = self.code_of(fullname)
        if found is None:
            return None
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=found[1].co_filename, is_package=found[0])  # type: ignore[arg-type]
        spec.has_location = True
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Leave the creation of the module object to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in its namespace."""
        exec(self.codes[module.__name__][1], module.__dict__)  # noqa: S102 - importing is running

    def get_source(self, fullname: str) -> str:
        """Return a module's source (PEP 302, for linecache). Raises ImportError."""
        located = self.source_of(fullname)
        if located is None:
            raise ImportError("no %s in the agent's archives" % fullname, name=fullname)
        return located[1]


#: The one that serves this process; not installed where the code is there in the ordinary way.
importer = ArchiveImporter()


def install(packed: bytes, codes: Codes) -> None:
    """Have this process import from an archive."""
    importer.add(packed, codes)
    sys.meta_path.insert(0, importer)
