# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What whose source loses."""

from __future__ import annotations

import ast
from pathlib import Path

import ansible

from ansible_svc.transport.compact import of_core, of_mitogen, of_our_own, without_documentation

ROOT = Path(ansible.__file__).parent
SOURCE = '''"""Doc."""
TYPE_CHECKING = False
if TYPE_CHECKING:
    import nothing
# a comment
class Held:
    def unused(self): pass
    def used(self, a: int) -> int:
        b: int = a
        return b
'''


def test_each_kind_of_source_loses_what_nobody_looks_for() -> None:
    left = {
        of_core: {"if TYPE_CHECKING:", " def unused(self): pass", " def used(self, a) :", "  b: int = a"},
        of_our_own: {" def unused(self): pass", " def used(self, a) :", "  b = a"},
        of_mitogen: {"if TYPE_CHECKING:", " def unused(self): pass", " def used(self, a: int) -> int:", "  b: int = a"},
    }
    every = {"TYPE_CHECKING = False", "class Held:", "  return b", ""}
    for shorten, lines in left.items():
        short = shorten(SOURCE).split("\n")
        assert set(short) - {" import nothing"} == every | lines, shorten
        assert len(short) == len(SOURCE.split("\n"))
    assert "unused" not in of_mitogen(SOURCE, {"Held.unused"})


def test_documentation_goes_unless_the_module_mentions_it() -> None:
    source = (ROOT / "modules" / "command.py").read_text()
    short = without_documentation(source)
    assert len(short) < len(source) / 2
    assert short.count("\n") == source.count("\n")
    assert [node.lineno for node in ast.parse(short).body] == [node.lineno for node in ast.parse(source).body]
    assert without_documentation(source + "\nprint(EXAMPLES)").count("- name:") > 3
