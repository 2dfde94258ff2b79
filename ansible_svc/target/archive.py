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
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import CodeType

    #: module name -> whether it is a package, and its compiled code
    Codes = dict[str, tuple[bool, CodeType]]


class Unrestricted:
    """What mitogen.parent asks of its own importer's policy before it starts a child: nothing is withheld."""

    overrides = ()
    blocks = ()


class ArchiveImporter:
    """A meta path finder and loader over an archive.

    Parameters:
        digest, packed: the archive's name and content. It is unpacked only when a source is wanted.
        codes: what of it is compiled already.

    Attributes:
        digest, packed: as given.
        codes: what was given, and what was compiled here.
        policy, _resource_requester: this one stands where mitogen expects its own importer, which asks for modules.

    Threads: any. Guarded by ``_lock``: the table of sources.
    """

    policy = Unrestricted
    _resource_requester = None

    def __init__(self, digest: str, packed: bytes, codes: Codes) -> None:
        self._lock = threading.Lock()
        self._sources: dict[str, tuple[bool, str]] = {}
        self.digest = digest
        self.packed = packed
        self.codes = codes

    def names(self) -> list[str]:
        """Return the names of the modules that the archive holds."""
        self.source_of("")
        return list(self._sources)

    def source_of(self, name: str) -> tuple[bool, str] | None:
        """Return whether a module is a package, and its source; None when the archive lacks it."""
        with self._lock:
            if not self._sources:
                parts = iter(zlib.decompress(self.packed).decode().split("\0"))
                for module, is_package, source in zip(parts, parts, parts):
                    self._sources[module] = bool(is_package), source
        return self._sources.get(name)

    def code_of(self, name: str) -> tuple[bool, CodeType] | None:
        """Return whether a module is a package, and its compiled code; None when the archive lacks it."""
        found = self.codes.get(name)
        if found is None:
            located = self.source_of(name)
            if located is None:
                return None
            place = "ansible-svc:%s" % name.replace(".", "/")
            found = self.codes[name] = located[0], compile(located[1], place, "exec", dont_inherit=True)
        return found

    def compiled(self, name: str) -> CodeType:
        """Return the compiled code of a module that the archive is known to hold."""
        found = self.code_of(name)
        assert found is not None, name
        return found[1]

    def run(self, name: str) -> ModuleType:
        """Return a module that has just run, and that nobody can import: it may import nothing of the archive."""
        module = ModuleType(name)
        exec(self.compiled(name), module.__dict__)  # noqa: S102
        return module

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that the archive holds, or None."""
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
            raise ImportError("no %s in this archive" % fullname, name=fullname)
        return located[1]


def install(digest: str, packed: bytes, codes: Codes) -> ArchiveImporter:
    """Have this process import from an archive, which the result serves; see ArchiveImporter for the parameters."""
    importer = ArchiveImporter(digest, packed, codes)
    sys.meta_path.insert(0, importer)
    return importer
