# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Take out of Python source what a host has no use for. Every line keeps its number, so tracebacks read the same."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from typing import AnyStr

# Enough of Python's grammar (reference manual, chapter 2) to tell strings and comments from everything else. A
# backslash keeps a quote from ending a string in raw ones, too.
_STRINGS_COMMENTS_AND_BRACKETS = r"""
      (?P<string> \"{3} (?: [^\\] | \\. )*? \"{3} | '{3} (?: [^\\] | \\. )*? '{3}
                | \" (?: [^\\"\n] | \\. )* \"     | ' (?: [^\\'\n] | \\. )* ' )
    | (?P<comment> \#[^\n]* )
    | (?P<open> [(\[{] )
    | (?P<close> [)\]}] )
"""
_TOKEN = re.compile(rf"{_STRINGS_COMMENTS_AND_BRACKETS} | [^\s#'\"()\[\]{{}}]+", re.VERBOSE | re.DOTALL)
_LINES = re.compile(rf"{_STRINGS_COMMENTS_AND_BRACKETS} | \\\n | \n", re.VERBOSE | re.DOTALL)
_REST_OF_LINE = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|$)")
_DOCUMENTATION = re.compile(
    r"""^(DOCUMENTATION|EXAMPLES|RETURN) *= *r?(\"{3}|'{3})((?:[^\\]|\\.)*?)\2""", re.MULTILINE | re.DOTALL
)
# A branch that every Python takes on which agents run (booting.OLDEST_PYTHON): the others are for older ones.
_TAKEN = re.compile(r"sys\.version_info >= \((2|3), [0-8](, \d+)?\)")
# What a statement keeps other statements in.
_OF_STATEMENTS = ("body", "orelse", "finalbody", "handlers", "cases")


def shortened(source: str) -> str:
    """Return a file of ansible-core's as hosts are sent it."""
    return with_narrow_indents(without_signature_types(without_documentation(without_comments(source))))


def without_comments(source: str) -> str:
    """Return source without docstrings and without comments that have a line for themselves.

    Comments inside of brackets stay: newer Pythons show all lines of an expression that fails.
    """
    kept = []
    start = depth = 0
    before = ""
    for match in _TOKEN.finditer(source):
        kind, text = match.lastgroup, match.group()
        if kind == "comment":
            if not depth and _begins_line(source, match.start()):
                kept.append(source[start : match.start()])
                start = match.end()
            continue
        if kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
        elif kind == "string" and before in ("", ":") and not depth:  # at the beginning of a file, or of a block
            first = match.start() - (source[match.start() - 1 : match.start()] in ("r", "R", "u", "U"))
            if _begins_line(source, first) and _REST_OF_LINE.match(source, match.end()):
                kept.append(source[start:first] + ("0" if before else "") + "\n" * text.count("\n"))
                start = match.end()
        if text not in ("r", "R", "u", "U"):  # a string's prefix is no word
            before = text[-1]
    kept.append(source[start:])
    return "".join(kept)


def without_documentation(source: str) -> str:
    """Return a module's source without the texts that ansible-doc reads, unless it mentions them itself."""

    def emptied(match: re.Match[str]) -> str:
        if len(re.findall(rf"\b{match[1]}\b", source)) > 1:
            return match[0]
        return f"{match[1]} = {match[2]}" + "\n" * match[3].count("\n") + match[2]

    return _DOCUMENTATION.sub(emptied, source)


def _begins_line(source: str, at: int) -> bool:
    return not source[source.rfind("\n", 0, at) + 1 : at].strip()


def without_definitions(source: str, names: Collection[str]) -> str:
    """Return source without functions and classes, and without what only Pythons before 3.8 run.

    Parameters:
        names: those to leave out, "name" of the file's own and "Class.name" of a class's. Something else must stay
            in each class.
    """
    lines = source.split("\n")
    waiting = [("", ast.parse(source).body)]
    for prefix, body in waiting:
        for node in body:
            if isinstance(node, (ast.ClassDef, ast.FunctionDef)) and prefix + node.name in names:
                _blank(lines, node.lineno, node)
            elif isinstance(node, ast.ClassDef):
                waiting.append((f"{node.name}.", node.body))
            elif isinstance(node, ast.If) and node.orelse and _TAKEN.fullmatch(ast.unparse(node.test)):
                _blank(lines, (node.body[-1].end_lineno or 0) + 1, node)
    return "\n".join(lines)


def without_types(source: str) -> str:
    """Return source without annotations and what is there for type checkers alone, with narrow indents.

    Only for code that never looks at its annotations; those of class bodies stay, which make fields of dataclasses.
    """
    lines = source.encode().split(b"\n")
    statements = list(_statements(ast.parse(source)))
    for node in statements:
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING":
            _blank(lines, node.lineno, node)
    _cut(lines, [*_annotations_of_signatures(statements, lines), *_annotations_of_variables(statements)])
    return with_narrow_indents(b"\n".join(lines).decode())


def without_signature_types(source: str) -> str:
    """Return source without the annotations of functions, of which tracebacks show nothing."""
    lines = source.encode().split(b"\n")
    _cut(lines, _annotations_of_signatures(_statements(ast.parse(source)), lines))
    return b"\n".join(lines).decode()


def with_narrow_indents(source: str) -> str:
    """Return source with one space for each four at the beginnings of lines.

    The lines of an expression stay where they are to each other: newer Pythons show all of one that fails.
    """
    inside, continued = _lines_that_do_not_begin(source)
    narrow = []
    less = 0
    for number, line in enumerate(source.split("\n"), 1):
        if number in inside:
            narrow.append(line)
            continue
        spaces = len(line) - len(line.lstrip(" "))
        if number not in continued:
            less = spaces // 4 * 3
        narrow.append(line[min(less, spaces) :])
    return "\n".join(narrow)


def _statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Yield a module and all its statements; expressions, of which there are ten times as many, hold none."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for name in _OF_STATEMENTS:
            waiting += getattr(node, name, ())


def _lines_that_do_not_begin(source: str) -> tuple[set[int], set[int]]:
    """Return the numbers, from 1, of lines that begin inside of a string, and of those that go on with a statement."""
    inside: set[int] = set()
    continued: set[int] = set()
    number, depth = 1, 0
    for match in _LINES.finditer(source):
        kind = match.lastgroup
        if kind is None:
            number += 1
            if depth or match.end() - match.start() == 2:  # after a backslash
                continued.add(number)
        elif kind == "string":
            count = source.count("\n", match.start(), match.end())
            if count:
                inside.update(range(number + 1, number + count + 1))
                number += count
        elif kind == "open":
            depth += 1
        elif kind == "close":
            depth -= 1
    return inside, continued


def _blank(lines: list[AnyStr], first: int, last: ast.stmt) -> None:
    """Empty the lines from a number on to the end of a statement."""
    count = (last.end_lineno or first) - first + 1
    lines[first - 1 : last.end_lineno] = [lines[0][:0]] * count


Place = tuple[int, int]
#: Where something begins and ends, and what is to stand there.
Cut = tuple[Place, Place, bytes]


def _annotations_of_signatures(statements: Iterable[ast.AST], lines: list[bytes]) -> Iterator[Cut]:
    for node in statements:
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            given = node.args
            for arg in (*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg):
                if arg is not None and arg.annotation is not None:
                    yield (arg.lineno, arg.col_offset + len(arg.arg.encode())), _end(arg.annotation), b""
            if node.returns is not None:
                line = lines[node.returns.lineno - 1]
                arrow = line.rfind(b"->", 0, node.returns.col_offset)
                if arrow >= 0:
                    yield (node.returns.lineno, arrow), _end(node.returns), b""


def _annotations_of_variables(statements: Iterable[ast.AST]) -> Iterator[Cut]:
    """Yield those outside of classes."""
    for node in statements:
        if not isinstance(
            node, (ast.Module, ast.FunctionDef, ast.AsyncFunctionDef, ast.If, ast.For, ast.With, ast.Try)
        ):
            continue
        for name in _OF_STATEMENTS:
            for statement in getattr(node, name, ()):
                if isinstance(statement, ast.AnnAssign):
                    if statement.value is None:
                        yield (statement.lineno, statement.col_offset), _end(statement), b"0"
                    else:
                        yield _end(statement.target), _end(statement.annotation), b""


def _end(node: ast.expr | ast.stmt) -> Place:
    return node.end_lineno or node.lineno, node.end_col_offset or 0


def _cut(lines: list[bytes], cuts: Iterable[Cut]) -> None:
    # from the end, so that no place moves before it is reached
    for start, end, instead in sorted(cuts, reverse=True):
        if start[0] > len(lines) or not lines[start[0] - 1]:
            continue  # inside of what is gone already
        head, tail = lines[start[0] - 1][: start[1]] + instead, lines[end[0] - 1][end[1] :]
        lines[start[0] - 1 : end[0]] = [head + tail, *[b""] * (end[0] - start[0])]
