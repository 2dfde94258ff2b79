# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What goes from a source makes no difference to what it does; Python's own parser says so."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ansible
import pytest

from ansible_svc.source import Source
from ansible_svc.transport.compact import of_core, of_mitogen, of_our_own

SOURCE = '''# a comment
"""A docstring

of several lines."""
from __future__ import annotations
import os  # stays


class C:
    """Only a docstring."""


class D:
    a: int = 1
    b: str


def f(a):
    r"""Doc with a \\" quote."""
    # comment
    text = """
# not a comment
    trailing
"""
    table = {
        # inside of brackets
        "key":
        "no docstring",
    }
    if a:
        "no use"
    return a, text, table, f"""
# neither {a}
""", 'it"s', "it's # not"


async def g():
    "doc"; return 1


def h(one: int, *many: dict[
    str, int], key: str = "a # b") -> tuple[str,
                                            int]:
    """Doc."""
    local: int
    local = one
    other: dict[str, int] = {"k": local}
    if TYPE_CHECKING:
        import nothing
    return key, other["k"] + len(many)
'''
ROOT = Path(ansible.__file__).parent


def run(source: str) -> dict[str, Any]:
    space: dict[str, Any] = {"TYPE_CHECKING": False, "__name__": "compact"}
    exec(source, space)
    return space


def without_comments(text: str) -> str:
    source = Source(text)
    return source.without(source.comments(), source.docstrings())


def without_types(text: str) -> str:
    source = Source(text)
    return source.without(source.for_type_checkers(), source.signature_types(), source.variable_types())


def without_signature_types(text: str) -> str:
    source = Source(text)
    return source.without(source.signature_types())


def with_narrow_indents(text: str) -> str:
    source = Source(text)
    return source.without(source.indents())


def without_definitions(text: str, names: set[str]) -> str:
    source = Source(text)
    return source.without(source.definitions(names), source.for_older_pythons())


def test_comments_and_docstrings_go_and_nothing_else() -> None:
    short = without_comments(SOURCE)
    before, after = run(SOURCE), run(short)
    assert before["f"](1) == after["f"](1)
    assert "# not a comment" in short
    assert "# inside of brackets" in short
    for gone in ("A docstring", "# comment", "# a comment", "Doc with"):
        assert gone not in short
    assert after["C"]().__doc__ is None
    assert short.count("\n") == SOURCE.count("\n")


def test_types_go_where_nobody_looks_at_them() -> None:
    short = without_types(without_comments(SOURCE))
    before, after = run(SOURCE), run(short)
    for name, arguments in (("f", (1,)), ("h", (1, {}))):
        assert before[name](*arguments) == after[name](*arguments)
        assert before[name].__code__.co_firstlineno == after[name].__code__.co_firstlineno
    assert not after["h"].__annotations__
    assert list(after["D"].__annotations__) == ["a", "b"]
    assert "nothing" not in short
    assert short.count("\n") == SOURCE.count("\n")


def test_definitions_go_and_nothing_else() -> None:
    source = """import sys
class C:
    def stays(self):
        return 1
    def goes(self):
        return 2
def goes():
    return 3
class Gone:
    pass
if sys.version_info >= (3, 0):
    word = "new"
elif sys.version_info >= (2, 5):
    word = "old"
else:
    word = "older"
if sys.version_info >= (3, 9):
    word += "est"
else:
    word += "er"
end = 4
"""
    short = without_definitions(source, {"C.goes", "Gone"})
    space = run(short)
    assert (space["C"]().stays(), space["goes"](), space["end"]) == (1, 3, 4)
    assert not hasattr(space["C"], "goes")
    assert "Gone" not in space
    assert space["word"] == "newest"
    assert '"old' not in short
    assert '"er"' in short
    assert short.count("\n") == source.count("\n")
    assert [node.lineno for node in ast.parse(short).body] == [
        node.lineno for node in ast.parse(source).body if getattr(node, "name", "") != "Gone"
    ]


def test_narrow_indents_leave_texts_and_what_goes_on_alone() -> None:
    short = with_narrow_indents(SOURCE)
    assert (
        """ table = {
     # inside of brackets
     "key":
"""
        in short
    )
    assert with_narrow_indents("if 1:\n        a = 2 + \\\n            3\n") == "if 1:\n  a = 2 + \\\n      3\n"
    assert "\n return a" in short
    assert "\n    trailing" in short
    assert run(SOURCE)["f"](1) == run(short)["f"](1)


def test_other_indents_stay() -> None:
    text = "if 1:\n  if 1:\n    if 1:\n      a = 1\n    b = 2\n  c = 3\n"
    assert with_narrow_indents(text) == text


def outline(source: str) -> str:
    """Return the syntax tree with the places where things begin, without docstrings and what has taken their place."""
    tree = ast.parse(source)
    for node in ast.walk(tree):
        for name in ("end_lineno", "end_col_offset"):
            if hasattr(node, name):
                delattr(node, name)
        for name in ("body", "orelse", "finalbody"):
            block = getattr(node, name, None)
            first = block[0] if isinstance(block, list) and block else None
            if isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant):
                del block[0]
    return ast.dump(tree, include_attributes=True)


@pytest.mark.parametrize("folder", ["module_utils", "modules"])
def test_everything_of_ansible_core_stays_where_and_what_it_was(folder: str) -> None:
    files = sorted((ROOT / folder).glob("**/*.py"))[::3]
    assert len(files) > 20
    for file in files:
        source = file.read_text()
        assert outline(without_comments(source)) == outline(source), file


def places(source: str) -> list[tuple[str, int, int]]:
    """Return every expression with its line and how far to the right of its statement's begin it stands.

    Without those of signatures, and without those that come after a text in the same line in which that ends.
    """
    found = []
    tree = ast.parse(source)
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) or (isinstance(node, ast.Constant) and isinstance(node.value, (str, bytes))):
            inside.update(range(node.lineno + 1, (node.end_lineno or 0) + 1))
    for statement in ast.walk(tree):
        if not isinstance(statement, ast.stmt):
            continue
        waiting: list[ast.AST] = [statement]
        for node in waiting:
            waiting += (
                child
                for child in ast.iter_child_nodes(node)
                if not isinstance(child, (ast.stmt, ast.arguments, ast.ExceptHandler))
                and child is not getattr(node, "returns", None)
            )
            if isinstance(node, ast.expr) and node.lineno not in inside:
                found.append((ast.dump(node), node.lineno, node.col_offset - statement.col_offset))
    return found


@pytest.mark.parametrize("folder", ["module_utils", "modules"])
def test_tracebacks_show_the_same_of_everything_of_ansible_core(folder: str) -> None:
    """Not only lines: newer Pythons show all of an expression, and mark what of it failed."""
    for file in sorted((ROOT / folder).glob("**/*.py"))[1::3]:
        source = file.read_text()
        short = with_narrow_indents(without_signature_types(source))
        assert places(short) == places(source), file


def test_signatures_lose_their_types_and_nothing_else() -> None:
    short = without_signature_types(SOURCE)
    space = run(short)
    assert not space["h"].__annotations__
    assert list(space["D"].__annotations__) == ["a", "b"]
    assert space["h"](1, {}) == run(SOURCE)["h"](1, {})
    assert 'other: dict[str, int] = {"k": local}' in short
    assert short.count("\n") == SOURCE.count("\n")


SIGNATURES = """
def plain(a, b=1): return a, b
def default(a: int = {"k": [1, 2]}["k"][0], b : str = "a: b, c=d", *, c: "dict[str, int]" = None) -> "x -> y": return b
def calls(a: object = (lambda x, y=2: x + y)(1), b: int = 2): return a, b
def bare(a=lambda x, y=2: [x, y], b: int = 2): return a(1), b
def lines(
    a: int,  # the first: one
    b: dict[
        str, int
    ] = {},  # and the second = two
    *args: int,
    c: tuple[int, ...] = (1, 2),
    **kwargs: str
) -> dict[
    str, int
]: return a, b, args, c, kwargs
def after(a: int) \\
        -> int:
    return a
async def waits(a: int) -> int: return a
long: dict[
    str, int
] = {"a": 1}
declared: dict[
    str, int
]
broken: int \\
    = 2
def breaks(a: int) -> int \\
        : return a
class Holder:
    field: int = 1
    def method(self, a: int) -> "Holder":
        self.a: int = a
        other: list[int]
        other = [self.a]
        if a: third: int = 3
        else: third = 4
        return other
    if 1:
        nested: int = 2
last = plain(1)"""


@pytest.mark.parametrize("shorten", [without_types, without_signature_types, of_core, of_our_own])
def test_signatures_of_every_form_take_and_do_the_same(shorten: Callable[[str], str]) -> None:
    short = shorten(SIGNATURES)
    before, after = run(SIGNATURES), run(short)
    for name, arguments in {
        "default": (),
        "plain": (1,),
        "calls": (),
        "bare": (),
        "lines": (1,),
        "after": (5,),
        "breaks": (6,),
    }.items():
        assert before[name](*arguments) == after[name](*arguments)
        assert not after[name].__annotations__
        assert before[name].__code__.co_firstlineno == after[name].__code__.co_firstlineno
    assert before["Holder"]().method(3) == after["Holder"]().method(3)
    assert "field" in after["Holder"].__annotations__
    assert "->" not in short.replace('"x -> y"', "")
    for name in ("last", "long", "broken"):
        assert after[name] == before[name]
    assert short.count("\n") == SIGNATURES.count("\n")


def test_branches_for_type_checkers_stay_when_there_is_another() -> None:
    text = "if TYPE_CHECKING:\n    a = 1\nelse:\n    a = 2\nif TYPE_CHECKING:\n    import nothing\nb = a\n"
    short = of_our_own(text)
    assert run(short)["b"] == 2
    assert "nothing" not in short


@pytest.mark.parametrize(
    "text", ["", "\n", "#", "x", '"""only a docstring"""', "def f():\n\t'''tabs'''\n\treturn 1", "x = 1 + \\\n    2"]
)
def test_odd_files_stay_python(text: str) -> None:
    for shorten in (of_core, of_mitogen, of_our_own):
        assert ast.dump(ast.parse(shorten(text))) == ast.dump(ast.parse(without_comments(text)))
        assert shorten(text).count("\n") == text.count("\n")


def test_imports_stay_where_they_are_needed() -> None:
    """At the top level or below; what comes in the same line as something else only a parser can tell."""
    text = (
        "from a import (\n    b,  # c\n    d,\n)\nimport e\ntry:\n    import f\nexcept ImportError:\n    pass\n"
        "def g():\n    'from h import i'\n    yield from j\n    from . import k, \\\n        l\n"
    )
    tree = ast.parse(Source(text).imports() or "")
    assert [type(node) for node in tree.body] == [ast.ImportFrom, ast.Import, ast.If, ast.If]
    imports = [node for node in ast.walk(tree) if isinstance(node, (ast.Import, ast.ImportFrom))]
    assert [alias.name for node in imports for alias in node.names] == ["b", "d", "e", "f", "k", "l"]
    assert Source("a = 1\n").imports() == ""
    for unclear in ("try: import a\nexcept ImportError: pass\n", "a = 1; from b import c\n", "if 1:\n\timport a\n"):
        assert Source(unclear).imports() is None


def test_what_is_no_python_ends_soon() -> None:
    for text in ('"""' + "a" * 100_000, "'" + "a" * 100_000, "x = '" + "\\a" * 50_000, "(" * 50_000, "def f(a: int"):
        assert of_core(text).count("\n") == text.count("\n")
