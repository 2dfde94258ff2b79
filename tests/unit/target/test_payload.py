# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Import from a bundle: what Python sees is what it would see in ansible-core's zip file."""

from __future__ import annotations

import hashlib
import importlib
import importlib.resources
import inspect
import linecache
import runpy
import sys
import traceback
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_svc.target.payload import PayloadImporter

ROOT = "/tmp/ansible_case_payload/ansible_case_payload.zip"  # a name, never opened

FILES = {
    "svcpl/__init__.py": b"NAME = __name__\n",
    "svcpl/plain.py": b'"""Say it."""\n\n\ndef fail(word):\n    raise ValueError(word)  # here\n',
    "svcpl/sub/__init__.py": b"from svcpl.plain import fail\n",
    "svcpl/sub/deep.py": b"""
from __future__ import annotations
from . import fail
from .. import NAME
VALUE = (NAME, __name__, __package__)
""",
    "svcpl/main.py": b"""
import sys
SEEN = (__name__, __package__, __file__, sys.modules["__main__"].__dict__ is globals())
""",
    "svcpl/data.txt": b"just \xff data",
}


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Bundle:
    """An importer, its blobs, and which of them were asked for."""

    def __init__(self, files: dict[str, bytes], root: str = ROOT) -> None:
        self.blobs = {digest(content): content for content in files.values()}
        self.asked: list[str] = []
        self.importer = PayloadImporter(self._source_of)
        self.use(files, root)

    def use(self, files: dict[str, bytes], root: str = ROOT) -> None:
        self.blobs |= {digest(content): content for content in files.values()}
        self.importer.use({path: digest(content) for path, content in files.items()}, root)

    def _source_of(self, name: str) -> bytes:
        self.asked.append(name)
        return self.blobs[name]


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> Iterator[Bundle]:
    bundle = Bundle(FILES)
    monkeypatch.setattr(sys, "meta_path", [bundle.importer, *sys.meta_path])
    before = set(sys.modules)
    yield bundle
    for name in set(sys.modules) - before:
        if name.partition(".")[0] == "svcpl":
            del sys.modules[name]
    linecache.clearcache()


def test_what_loading_a_module_reaches_is_found_but_not_what_is_imported_already(bundle: Bundle) -> None:
    assert list(bundle.importer.reached("svcpl.sub")) == ["svcpl/sub/__init__.py", "svcpl/plain.py"]
    importlib.import_module("svcpl.plain")
    assert list(bundle.importer.reached("svcpl.sub")) == ["svcpl/sub/__init__.py"]


def test_packages_and_their_submodules(bundle: Bundle) -> None:
    deep = importlib.import_module("svcpl.sub.deep")
    assert deep.VALUE == ("svcpl", "svcpl.sub.deep", "svcpl.sub")
    assert deep.__file__ == f"{ROOT}/svcpl/sub/deep.py"
    package = sys.modules["svcpl.sub"]
    assert package.__file__ == f"{ROOT}/svcpl/sub/__init__.py"
    assert list(package.__path__) == [f"{ROOT}/svcpl/sub"]
    assert deep.__loader__ is bundle.importer
    assert deep.__spec__ is not None
    assert deep.__spec__.has_location
    assert inspect.getdoc(sys.modules["svcpl.plain"]) == "Say it."


def test_a_package_is_preferred_to_a_module_of_its_name(bundle: Bundle) -> None:
    bundle.use({"svcpl/__init__.py": b"KIND = 'package'\n", "svcpl.py": b"KIND = 'module'\n"})
    assert importlib.import_module("svcpl").KIND == "package"


def test_what_is_not_in_the_bundle_is_left_to_others(bundle: Bundle) -> None:
    assert bundle.importer.find_spec("json") is None
    assert importlib.import_module("json").__name__ == "json"
    with pytest.raises(ModuleNotFoundError, match=r"No module named 'svcpl\.absent'") as caught:
        importlib.import_module("svcpl.absent")
    assert caught.value.name == "svcpl.absent"


@pytest.mark.parametrize("ask", ["get_code", "get_source", "get_filename"])
def test_a_missing_name_is_an_import_error(bundle: Bundle, ask: str) -> None:
    with pytest.raises(ImportError, match=r"svcpl\.absent") as caught:
        getattr(bundle.importer, ask)("svcpl.absent")
    assert caught.value.name == "svcpl.absent"


def test_is_package(bundle: Bundle) -> None:
    names = ("svcpl", "svcpl.sub", "svcpl.plain", "svcpl.absent")
    assert [bundle.importer.is_package(name) for name in names] == [True, True, False, False]


def test_runpy_runs_a_module_as_main(bundle: Bundle) -> None:
    """As ansible-core's _ansiballz/_loader.py does."""
    result = runpy.run_module("svcpl.main", run_name="__main__", alter_sys=True)
    assert result["SEEN"] == ("__main__", "svcpl", f"{ROOT}/svcpl/main.py", True)


def test_a_traceback_shows_source_lines(bundle: Bundle) -> None:
    fail = importlib.import_module("svcpl.sub").fail
    with pytest.raises(ValueError, match="no") as caught:
        fail("no")
    text = "".join(traceback.format_exception(caught.value))
    assert f'File "{ROOT}/svcpl/plain.py", line 5, in fail' in text
    assert "raise ValueError(word)  # here" in text


def test_inspect_finds_the_source_of_a_function(bundle: Bundle) -> None:
    fail = importlib.import_module("svcpl.plain").fail
    assert inspect.getsource(fail).startswith("def fail(word):")


def test_a_syntax_error_names_the_file(bundle: Bundle) -> None:
    bundle.use({"svcpl.py": b"x =\n"})
    with pytest.raises(SyntaxError) as caught:
        importlib.import_module("svcpl")
    assert (caught.value.filename, caught.value.lineno) == (f"{ROOT}/svcpl.py", 1)
    assert "svcpl" not in sys.modules


def test_future_imports_of_the_importer_do_not_leak_into_what_it_compiles(bundle: Bundle) -> None:
    bundle.use({"svcpl.py": b"def f(x: 1 + 1): pass\n"})
    assert importlib.import_module("svcpl").f.__annotations__ == {"x": 2}


def test_source_in_another_encoding(bundle: Bundle) -> None:
    bundle.use({"svcpl.py": "# -*- coding: latin-1 -*-\nWORD = 'é'\n".encode("latin-1")})
    assert importlib.import_module("svcpl").WORD == "é"
    assert "WORD = 'é'" in bundle.importer.get_source("svcpl")


def test_get_data(bundle: Bundle) -> None:
    assert bundle.importer.get_data(f"{ROOT}/svcpl/data.txt") == b"just \xff data"
    assert bundle.importer.get_data("svcpl/data.txt") == b"just \xff data"
    for absent in (f"{ROOT}/svcpl/absent.txt", "/etc/passwd"):
        with pytest.raises(FileNotFoundError) as caught:
            bundle.importer.get_data(absent)
        assert caught.value.filename == absent


def test_pkgutil_finds_data(bundle: Bundle) -> None:
    pkgutil = importlib.import_module("pkgutil")
    assert pkgutil.get_data("svcpl", "data.txt") == b"just \xff data"


def test_code_is_compiled_once_for_all_bundles_that_share_a_file(bundle: Bundle) -> None:
    first = bundle.importer.get_code("svcpl.plain")
    bundle.use({**FILES, "svcpl/main.py": b"changed = 1\n"})
    assert bundle.importer.get_code("svcpl.plain") is first
    assert bundle.asked.count(digest(FILES["svcpl/plain.py"])) == 1


def test_a_changed_file_is_compiled_anew(bundle: Bundle) -> None:
    first = bundle.importer.get_code("svcpl.plain")
    bundle.use({**FILES, "svcpl/plain.py": b"changed = 1\n"})
    second = bundle.importer.get_code("svcpl.plain")
    assert second is not first
    assert second.co_names == ("changed",)


def test_one_content_under_two_paths_is_two_codes(bundle: Bundle) -> None:
    same = b"def f(): return 1 / 0\n"
    bundle.use({"one.py": same, "two.py": same})
    names = [bundle.importer.get_code(name).co_filename for name in ("one", "two")]
    assert names == [f"{ROOT}/one.py", f"{ROOT}/two.py"]


def test_imported_tells_what_was_loaded_and_nothing_else(bundle: Bundle) -> None:
    importlib.import_module("svcpl.sub.deep")
    bundle.importer.get_source("svcpl.main")
    loaded = ("svcpl/__init__.py", "svcpl/plain.py", "svcpl/sub/__init__.py", "svcpl/sub/deep.py")
    assert bundle.importer.imported() == {path: digest(FILES[path]) for path in loaded}


def test_the_zip_file_has_every_file_in_order_and_can_be_imported_from(bundle: Bundle, tmp_path: Path) -> None:
    path = tmp_path / "payload.zip"
    bundle.use(FILES, str(path))
    bundle.importer.write_zip(str(path))
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == [*FILES, "sitecustomize.py"]
        assert {name: archive.read(name) for name in FILES} == FILES
        site = archive.read("sitecustomize.py")
    namespace: dict[str, object] = {}
    before = list(sys.path)
    try:
        exec(compile(site, "sitecustomize.py", "exec"), namespace)
        assert sys.path == [str(path), *before]
    finally:
        sys.path[:] = before


def test_files_beside_modules(bundle: Bundle) -> None:
    """As ansible-core's EmbedManager asks for them (2.21); they lie in no directory."""
    package = importlib.import_module("svcpl")
    with importlib.resources.path(package, "data.txt") as path:
        assert path.read_bytes() == FILES["svcpl/data.txt"]
    assert importlib.resources.is_resource(package, "data.txt")
    assert not importlib.resources.is_resource(package, "sub")
    assert sorted(importlib.resources.contents(package)) == ["__init__.py", "data.txt", "main.py", "plain.py"]
    with pytest.raises(FileNotFoundError), importlib.resources.path(package, "none.txt"):
        pass
