# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What files import is remembered, and modules are built of the same files as without that."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible
import pytest
from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.executor import module_common
from ansible.plugins.loader import module_loader, module_utils_loader

from ansible_svc.compat import module_imports
from ansible_svc.compat.module_build import build
from ansible_svc.compat.module_imports import ImportMemory, remember_imports
from ansible_svc.compat.module_search import Entry
from tests.unit.ansible_setup import set_up

NEW = b"from ansible.module_utils.basic import AnsibleModule\n"


@pytest.fixture(autouse=True)
def _ansible(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_up()
    remember_imports()
    yield
    monkeypatch.undo()


def built(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str, path: Path | str, stock: bool) -> Any:
    """Build a module anew, with ansible-core's own function if asked."""
    folder.mkdir()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(folder))
    ours = module_common.recursive_finder
    with monkeypatch.context() as patch:
        if stock:
            patch.setattr(module_common, "recursive_finder", ours.__wrapped__)
        return build(name, str(path))


@pytest.mark.parametrize("name", ["apt", "command", "copy", "dnf", "setup", "uri", "user"])
def test_a_module_is_built_of_the_same_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    path = module_loader.find_plugin(name)
    stock = built(monkeypatch, tmp_path / "stock", name, path, stock=True)
    assert len(stock.files) > 50
    for turn in ("first", "second"):
        assert built(monkeypatch, tmp_path / turn, name, path, stock=False) == stock


def test_every_file_is_read_once_for_a_build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []
    slurp = module_common._slurp
    monkeypatch.setattr(module_common, "_slurp", lambda path: read.append(str(Path(path).resolve())) or slurp(path))

    parts = built(monkeypatch, tmp_path / "a", "setup", module_loader.find_plugin("setup"), stock=False)

    assert len(parts.files) > 100
    assert len(read) == len(set(read)) > 100


def test_what_is_left_to_look_for_has_the_order_that_ansible_core_gives_it() -> None:
    stock = module_common._ModuleUtilsProcessEntry
    assert [field.name for field in dataclasses.fields(stock)] == list(Entry._fields)
    names = ("ansible.module_utils.b", "ansible.module_utils", "ansible.module_utils.b.c", "ansible.module_utils.a")
    made = [(name, flags) for name in names for flags in itertools.product((False, True), repeat=3)]
    both = [[kind(tuple(name.split(".")), *flags) for name, flags in made] for kind in (stock, Entry)]
    assert [dataclasses.astuple(entry) for entry in sorted(both[0])] == sorted(both[1])
    for kind in (stock, Entry):
        assert kind.from_module(module_common) == kind.from_module_name("ansible.executor.module_common")
        assert kind.from_module(ansible, append="x").name_parts == ("ansible", "x")


def test_other_code_under_the_same_name_is_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utils = tmp_path / "module_utils"
    utils.mkdir()
    (utils / "one.py").write_text("from ansible.module_utils import two\n")
    (utils / "two.py").write_text("")
    (utils / "three.py").write_text("")
    monkeypatch.setattr(module_utils_loader, "_get_paths", lambda subdirs=True: [str(utils)])
    module = tmp_path / "mine.py"
    module.write_bytes(NEW + b"from ansible.module_utils import one\n")

    def names(turn: str) -> set[str]:
        files = built(monkeypatch, tmp_path / turn, "mine", module, stock=False).files
        return {path for path in files if path.endswith(("one.py", "two.py", "three.py"))}

    assert names("a") == {"ansible/module_utils/one.py", "ansible/module_utils/two.py"}
    (utils / "one.py").write_text("from ansible.module_utils import three\n")
    assert names("b") == {"ansible/module_utils/one.py", "ansible/module_utils/three.py"}


def test_a_file_that_is_no_python_is_refused_in_the_same_words() -> None:
    name, source = "ansible.module_utils.broken", b"def (\n"
    memory = ImportMemory()
    told = []
    for attempt in (module_common._compile_module_ast, memory.find, memory.find):
        with pytest.raises(AnsibleError) as caught:
            attempt(name, source, False) if attempt == memory.find else attempt(name, source)
        told.append(str(caught.value))
    assert told[0] == told[1] == told[2]
    assert name in told[0]


@pytest.mark.parametrize("folder", ["module_utils", "modules"])
def test_the_imports_alone_tell_what_whole_files_do(folder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    root = Path(ansible.__file__).parents[1]
    parsed = []
    compile_module = module_common._compile_module_ast
    for name in ("_compile_module_ast", "_compile"):
        holder = module_common if name == "_compile_module_ast" else module_imports
        monkeypatch.setattr(
            holder, name, lambda name, source: parsed.append(len(source)) or compile_module(name, source)
        )
    whole = 0
    for file in sorted(root.glob(f"ansible/{folder}/**/*.py"))[::3]:
        source = file.read_bytes()
        is_package = file.name == "__init__.py"
        name = ".".join((file.parent if is_package else file.with_suffix("")).relative_to(root).parts)
        found = ImportMemory().find(name, source, is_package)
        with monkeypatch.context() as patch:
            patch.setattr(module_imports, "is_shipped_file", lambda path, digest: False)
            assert found == ImportMemory().find(name, source, is_package), file
        assert parsed[-1] == len(source)
        whole += parsed[-2] == parsed[-1]
    assert whole < len(parsed) / 4


def test_nobody_elses_file_is_taken_for_python_unseen() -> None:
    source = b"from ansible.module_utils.basic import AnsibleModule\ndef (\n"
    with pytest.raises(AnsibleError):
        ImportMemory().find("ansible.module_utils.basic", source, False)


def test_what_was_told_needs_no_second_look(monkeypatch: pytest.MonkeyPatch) -> None:
    source = (
        b"from . import other\ntry:\n    from ansible.module_utils.basic import env_fallback\nexcept Exception: pass\n"
    )
    first, second = ImportMemory(), ImportMemory()
    found = first.find("ansible.module_utils.pack", source, True)
    assert ("ansible", "module_utils", "pack", "other") in found.submodules
    assert found.optional_imports == {("ansible", "module_utils", "basic", "env_fallback")}
    second.learn(first.tell())
    assert second.tell() == {}  # only what was asked for
    monkeypatch.setattr(module_imports, "_find", lambda *args: pytest.fail("looked again"))
    assert second.find("ansible.module_utils.pack", source, True) == found
    assert second.tell() == first.tell()
    with pytest.raises(pytest.fail.Exception):
        second.find("ansible.module_utils.pack", source, False)
