# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What code imports is read off its instructions as Python's own disassembler reads it."""

from __future__ import annotations

import dis
import sysconfig
from pathlib import Path
from types import CodeType

import pytest

from ansible_svc.target import stdlib

LIBRARY = Path(sysconfig.get_path("stdlib"))


def compiled(text: str) -> CodeType:
    return compile(text, "place", "exec")


def disassembled(code: CodeType) -> list[str]:
    return [found.argval for found in dis.get_instructions(code) if found.opname in ("IMPORT_NAME", "IMPORT_FROM")]


def test_only_what_loading_imports_of_the_standard_library_is_named() -> None:
    text = "import os, ansible.x\nfrom json import decoder\ndef later():\n    import csv\nimport this, os.path\n"
    assert stdlib.imports(compiled(text)) == ["os", "json", "os.path"]


def test_names_that_may_be_modules_are_reached_in_every_package_around() -> None:
    found = stdlib.reached("a.b.c", compiled("from x import y\n"))
    assert found == ["x", "a.b.c.x", "a.b.x", "a.x", "x.y", "a.b.c.x.y", "a.b.x.y", "a.x.y"]


def test_a_name_that_begins_as_the_module_or_in_the_standard_library_is_whole() -> None:
    found = stdlib.reached("a.b", compiled("import os.path, a.c\nfrom a import d\n"))
    assert found == ["os.path", "a.c", "a", "a.d"]
    assert "a.os" in stdlib.reached("a.b", compiled("from . import os\n"))


@pytest.mark.parametrize("count", [1, 300, 70_000])
def test_the_number_of_a_name_may_take_several_bytes(count: int) -> None:
    text = "\n".join(f"n{number} = 0" for number in range(count)) + "\nimport json\nfrom csv import reader\n"
    assert stdlib.imports(compiled(text)) == ["json", "csv"]


def test_the_disassembler_finds_the_same() -> None:
    """In the standard library's own files, some of which import hundreds of names."""
    files = sorted(LIBRARY.glob("[a-d]*.py")) + sorted((LIBRARY / "asyncio").glob("*.py"))
    assert len(files) > 50
    for file in files:
        code = compiled(file.read_text())
        found = [attribute or module for module, attribute in stdlib._imports(code)]
        assert found == disassembled(code), file
