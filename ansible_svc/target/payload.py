# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Import a module's bundle from memory.

A bundle is what ansible-core's AnsiballZ puts into its zip file: the module and the module_utils that it needs, as
``path -> source``. ``PayloadImporter`` serves these files to Python's import system under the paths they would have
had inside that zip file, so that tracebacks and ``__file__`` read as they do under ansible-core.
"""

from __future__ import annotations

import importlib.machinery
import importlib.util
import io
import sys

from ansible_svc.target import stdlib

TYPE_CHECKING = False  # mypy knows the name; importing typing on every target would be a waste
if TYPE_CHECKING:
    from types import CodeType, ModuleType
    from typing import Callable, Iterator, Mapping, Sequence


class Resources:
    """The files of a package of a bundle, for importlib (its abc.ResourceReader); they have no paths on the host."""

    def __init__(self, importer: PayloadImporter, directory: str) -> None:
        self._importer = importer
        self._directory = directory

    def open_resource(self, resource: str) -> io.BytesIO:
        """Return a file to read. Raises OSError when it is not there."""
        return io.BytesIO(self._importer.get_data(self._directory + resource))

    def resource_path(self, resource: str) -> str:
        """Say that there is none: importlib makes a temporary file then."""
        raise FileNotFoundError(resource)

    def is_resource(self, name: str) -> bool:
        """Tell whether there is a file of this name."""
        return name in self.contents()

    def contents(self) -> list[str]:
        """Return the names of the files."""
        return self._importer.names_in(self._directory)


class PayloadImporter:
    """A meta path finder and loader over a mapping of relative path to blob digest.

    Parameters:
        source_of: returns the source bytes of a digest.

    Attributes:
        root: the path of the zip file that the bundle stands for.
        on_loaded: called with a module, its path in the bundle and that file's digest when its code has run; or None.

    Compiled code is kept by (digest, path), so that a zygote compiles a file once for all its runners.

    Threads: a zygote and its runners have one thread while they import.
    """

    def __init__(self, source_of: Callable[[str], bytes]) -> None:
        self._source_of = source_of
        self._code: dict[tuple[str, str], CodeType] = {}
        self._kept: dict[tuple[str, str], CodeType] = {}
        self._files: Mapping[str, str] = {}
        self.root = ""
        self.on_loaded: Callable[[ModuleType, str, str], None] | None = None

    def use(self, files: Mapping[str, str], root: str) -> None:
        """Serve ``files`` (path -> digest) as if they were inside the zip file ``root``."""
        self._files = files
        self.root = root

    def offer(self, kept: Mapping[tuple[str, str], CodeType]) -> None:
        """Have compiled code at hand, by (digest, path), that need not be compiled when it is wanted."""
        self._kept.update(kept)

    def _locate(self, fullname: str) -> tuple[str, bool] | None:
        stem = fullname.replace(".", "/")
        path = stem + "/__init__.py"
        if path in self._files:
            return path, True
        path = stem + ".py"
        if path in self._files:
            return path, False
        return None

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Return the spec of a module that the bundle holds, or None."""
        located = self._locate(fullname)
        if located is None:
            return None
        relative, is_package = located
        origin = self.root + "/" + relative
        spec = importlib.machinery.ModuleSpec(fullname, self, origin=origin, is_package=is_package)  # type: ignore[arg-type]
        spec.has_location = True
        if is_package:
            spec.submodule_search_locations = [origin[: -len("/__init__.py")]]
        return spec

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> None:
        """Leave the creation of the module object to Python."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code in its namespace."""
        exec(self.get_code(module.__name__), module.__dict__)  # noqa: S102 - importing is running
        if self.on_loaded is not None:
            relative = self.get_filename(module.__name__)[len(self.root) + 1 :]
            self.on_loaded(module, relative, self._files[relative])

    def get_code(self, fullname: str) -> CodeType:
        """Return the compiled code of a module of the bundle; ImportError when it is not there."""
        located = self._locate(fullname)
        if located is None:
            raise ImportError("no %s in this bundle" % fullname, name=fullname)
        return self.code_of(located[0])

    def code_of(self, relative: str) -> CodeType:
        """Return the compiled code of a file of the bundle. Raises SyntaxError, ValueError."""
        digest = self._files[relative]
        code = self._code.get((digest, relative))
        if code is None:
            code = self._kept.get((digest, relative))
            if code is None:
                code = compile(self._source_of(digest), self.root + "/" + relative, "exec", dont_inherit=True)
            self._code[digest, relative] = code
        return code

    def codes(self, digests: set[str]) -> dict[tuple[str, str], CodeType]:
        """Return the compiled code of the bundle's files with these digests, as far as there is any, by its key."""
        keys = ((digest, path) for path, digest in self._files.items() if digest in digests)
        return {key: self._code[key] for key in keys if key in self._code}

    def add_codes(self, codes: dict[tuple[str, str], CodeType]) -> None:
        """Take over compiled code."""
        self._code.update(codes)

    def get_source(self, fullname: str) -> str:
        """Return the source text of a module of the bundle (PEP 302, for linecache and inspect)."""
        located = self._locate(fullname)
        if located is None:
            raise ImportError("no %s in this bundle" % fullname, name=fullname)
        return importlib.util.decode_source(self._source_of(self._files[located[0]]))

    def get_filename(self, fullname: str) -> str:
        """Return the path of a module inside the zip file that this bundle stands for."""
        located = self._locate(fullname)
        if located is None:
            raise ImportError("no %s in this bundle" % fullname, name=fullname)
        return self.root + "/" + located[0]

    def is_package(self, fullname: str) -> bool:
        """Tell whether the name is a package of the bundle."""
        located = self._locate(fullname)
        return located is not None and located[1]

    def get_data(self, path: str) -> bytes:
        """Return the bytes of a file of the bundle by its full path; OSError when it is not there."""
        prefix = self.root + "/"
        relative = path[len(prefix) :] if path.startswith(prefix) else path
        try:
            return self._source_of(self._files[relative])
        except KeyError:
            raise OSError(2, "no such file in this bundle", path) from None

    def names_in(self, directory: str) -> list[str]:
        """Return the names of the bundle's files in a directory, which is a full path that ends in a slash."""
        prefix = directory[len(self.root) + 1 :]
        names = [path[len(prefix) :] for path in self._files if path.startswith(prefix)]
        return [name for name in names if "/" not in name]

    def get_resource_reader(self, fullname: str) -> Resources | None:
        """Return what reads the files beside the modules of a package (importlib.resources, ansible-core's embed)."""
        located = self._locate(fullname)
        if located is None or not located[1]:
            return None
        return Resources(self, self.root + "/" + located[0][: -len("__init__.py")])

    def imported(self) -> dict[str, str]:
        """Return path -> digest of every file whose code was asked for so far."""
        return {path: digest for digest, path in self._code}

    def reached(self, fullname: str) -> Iterator[str]:
        """Yield the paths of a module of the bundle and of what is imported when it is loaded, each before it is.

        What this process has imported already is left out, and all that is imported for it.
        """
        names = [fullname]
        known = set()
        for name in names:
            located = self._locate(name)
            if located is None or located[0] in known or name in sys.modules:
                continue
            known.add(located[0])
            yield located[0]
            try:
                names += stdlib.reached(name, self.code_of(located[0]))
            except (SyntaxError, ValueError):
                continue  # the runner meets the same error, and reports it as the module's own

    def compiled(self, files: Mapping[str, str]) -> dict[tuple[str, str], CodeType]:
        """Return the code of a bundle's files, by (digest, path), as far as it was asked for so far."""
        wanted = ((digest, path) for path, digest in files.items())
        return {key: self._code[key] for key in wanted if key in self._code}

    def write_zip(self, path: str) -> None:
        """Write the bundle as the zip file that ansible-core would have made (for modules that respawn)."""
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            for relative, digest in self._files.items():
                archive.writestr(relative, self._source_of(digest))
            archive.writestr("sitecustomize.py", 'import sys\nsys.path.insert(0, "%s")\n' % path)
