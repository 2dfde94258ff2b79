# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out of a Python source what it imports, and what of it can be left out, in one reading.

Python's own parser would tell more, in several times the time, and neither where lines begin nor where comments are.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator
from operator import itemgetter
from typing import NamedTuple

#: Where something begins and ends, and what is to stand there.
Cut = tuple[int, int, str]

# Enough of Python's grammar (reference manual, chapter 2) to tell strings and comments from everything else. A
# backslash keeps a quote from ending a string in raw ones, too. What has been passed is never tried again ("++").
_STRING = r"""
    \"{3} (?: [^\\"]++ | \\. | \"(?!\"\") )*+ \"{3} | '{3} (?: [^\\']++ | \\. | '(?!'') )*+ '{3}
  | \"    (?: [^\\"\n]++ | \\. )*+ \"               | '    (?: [^\\'\n]++ | \\. )*+ '
"""
_COMMENT = r"\#[^\n]*"
_PLAIN = r"[^()\[\]{}\"'\#\\\n]"
_TOKEN = re.compile(
    rf"{_PLAIN}*+ (?: ({_STRING}) | ({_COMMENT}) | ([(\[{{]) | ([)\]}}]) | \n([ ]*+) | (\\\n) | \( {_PLAIN}*+ \) )",
    re.VERBOSE | re.DOTALL,
)
_IS_STRING, _IS_COMMENT, _OPENS, _CLOSES, _ENDS, _GOES_ON = range(1, 7)
# What matters of a signature, or of what a variable is assigned.
_SIGN = re.compile(rf" (?:{_STRING}) | (?P<nothing> {_COMMENT} | \s+ | \\\n ) | -> | \w+ | .", re.VERBOSE | re.DOTALL)
_SPACES = re.compile(" *")
_PREFIX = re.compile("[rRuU]?")
_FUNCTION = re.compile(r"(?:async +)?def +(\w+) *")
_CLASS = re.compile(r"class +(\w+)")
_ANNOTATED = re.compile(r"(?!(?:else|except|finally|try)\b)[\w.]+(?=: *[^\s:=])")
_IMPORT = re.compile(r"(?:import|from)\b")
_IMPORT_WITHIN = re.compile(r"(?:\A|[;:])\s*(?:import|from)\b")
_FOR_TYPE_CHECKERS = "if TYPE_CHECKING:"
# A branch that every Python takes on which agents run (booting.OLDEST_PYTHON): the others are for older ones.
_TAKEN = re.compile(r"(?:el)?if sys\.version_info >= \((?:2|3), *[0-8](?:, *\d+)?\):")
_OTHERWISE = re.compile(r"el(?:se|if)\b")


class Statement(NamedTuple):
    """A logical line (reference manual, 2.1.1), as offsets into the source.

    Attributes:
        begin: where its first line begins.
        at: where its first word stands.
        code_end: where its code ends: what is left of its last line is space, or a comment.
        end: where its last line ends.
        text_end: where the string ends that it begins with; 0 when it begins with something else.
        lines: where those of its other lines begin that do not begin inside of a string.
    """

    begin: int
    at: int
    code_end: int
    end: int
    text_end: int
    lines: tuple[int, ...]

    @property
    def indent(self) -> int:
        """Return the number of spaces before it."""
        return self.at - self.begin


class Source:
    """A file of Python. Most methods yield cuts for ``without``."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._comments: list[tuple[int, int]] = []
        self._statements: list[Statement] = []
        self._read()

    def without(self, *cuts: Iterable[Cut]) -> str:
        """Return the source after cuts; what is inside of another is of no account. Every line keeps its number."""
        kept: list[str] = []
        position = 0
        ordered = sorted(itertools.chain(*cuts), key=itemgetter(1), reverse=True)
        ordered.sort(key=itemgetter(0))  # of those that begin together the longest stays the first
        for start, end, instead in ordered:
            if start >= position:
                kept += (self._text[position:start], instead)
                position = end
        kept.append(self._text[position:])
        return "".join(kept)

    def imports(self) -> str | None:
        """Return a source that imports the same, each at the top level or below that as here, and does nothing else.

        None when only a parser can tell, because there may be an import in the same line as something else.
        """
        found = []
        for statement in self._statements:
            if _IMPORT.match(self._text, statement.at):
                found.append(("if 0: " if statement.indent else "") + self._text[statement.at : statement.code_end])
            elif _IMPORT_WITHIN.search(self._text[statement.at : statement.code_end]):
                return None
        return "\n".join(found)

    def comments(self) -> Iterator[Cut]:
        """Yield comments that have a line for themselves, but for those inside of brackets.

        Newer Pythons show all lines of an expression that fails, with the comments in between.
        """
        for start, end in self._comments:
            yield start, end, ""

    def docstrings(self) -> Iterator[Cut]:
        """Yield strings at the beginning of the file, or of a block, which may consist of nothing else."""
        before = ""
        for statement in self._statements:
            alone = not self._text[statement.text_end : statement.code_end].strip()
            if statement.text_end and before in ("", ":") and alone:
                text = self._text[statement.at : statement.text_end]
                yield statement.at, statement.text_end, ("0" if before else "") + "\n" * text.count("\n")
            before = self._text[statement.at : statement.code_end].rstrip()[-1]

    def indents(self) -> Iterator[Cut]:
        """Yield three of each four spaces at the beginnings of lines; nothing of a source that indents by others.

        The lines of an expression stay where they are to each other: newer Pythons show all of one that fails.
        """
        if any(statement.indent % 4 for statement in self._statements):
            return
        for statement in self._statements:
            less = statement.indent // 4 * 3
            if less:
                yield statement.begin, statement.begin + less, ""
                for begin in statement.lines:
                    yield begin, min(begin + less, self._spaces_end(begin)), ""

    def signature_types(self) -> Iterator[Cut]:
        """Yield the annotations of functions, of which tracebacks show nothing."""
        for statement in self._statements:
            named = _FUNCTION.match(self._text, statement.at, statement.code_end)
            if named and self._text.startswith("(", named.end()):
                yield from self._types_of(statement, named.end())

    def variable_types(self) -> Iterator[Cut]:
        """Yield the annotations of variables; those of class bodies stay, which make the fields of named tuples."""
        for enclosing, statement in self._enclosed():
            target = _ANNOTATED.match(self._text, statement.at, statement.code_end)
            if target and not (enclosing and _CLASS.match(self._text, enclosing.at)):
                equals, end = self._find("=", target.end() + 1, statement.code_end)
                if equals:
                    yield from self._within(statement, target.end(), end)
                else:
                    yield from self._within(statement, statement.at, statement.code_end, "0")

    def for_type_checkers(self) -> Iterator[Cut]:
        """Yield blocks that no Python runs, unless there is another that it runs instead."""
        for index, statement in enumerate(self._statements):
            if self._text.startswith(_FOR_TYPE_CHECKERS, statement.at):
                after = self._after_block(index)
                if not self._goes_on(statement, after):
                    yield self._emptied(statement.begin, self._statements[after - 1].end)

    def definitions(self, names: Collection[str]) -> Iterator[Cut]:
        """Yield functions and classes.

        Parameters:
            names: "name" of the file's own and "Class.name" of a class's. Something else must stay in each class.
        """
        for index, (enclosing, statement) in enumerate(self._enclosed()):
            named = _FUNCTION.match(self._text, statement.at) or _CLASS.match(self._text, statement.at)
            within = _CLASS.match(self._text, enclosing.at) if enclosing else None
            if named and (within or not enclosing):
                name = f"{within[1]}.{named[1]}" if within else named[1]
                if name in names:
                    yield self._emptied(statement.begin, self._statements[self._after_block(index) - 1].end)

    def for_older_pythons(self) -> Iterator[Cut]:
        """Yield branches that no Python takes on which agents run."""
        for index, statement in enumerate(self._statements):
            if _TAKEN.match(self._text, statement.at):
                taken = last = self._after_block(index)
                while self._goes_on(statement, last):
                    last = self._after_block(last)
                if last > taken:
                    yield self._emptied(self._statements[taken].begin, self._statements[last - 1].end)

    # -- reading

    def _read(self) -> None:
        """Find statements, and comments with lines for themselves."""
        text = self._text
        begin = depth = text_end = 0
        at = self._spaces_end(0)
        code_end = -1  # of the statement that is being read, when it was found
        lines: list[int] = []
        for match in _TOKEN.finditer(text + "\n"):
            kind = match.lastindex
            if kind == _OPENS:
                depth += 1
            elif kind == _CLOSES:
                depth -= 1
            elif kind == _ENDS:
                next_begin, next_at = match.span(kind)
                if depth:
                    lines.append(next_begin)
                    code_end = -1
                    continue
                end = next_begin - 1
                if code_end < 0:
                    code_end = end
                if at < code_end and not text[at:code_end].isspace():
                    self._statements.append(Statement(begin, at, code_end, end, text_end, tuple(lines)))
                    lines = []
                begin, at, code_end, text_end = next_begin, next_at, -1, 0
            elif kind == _IS_STRING:
                start, end = match.span(kind)
                if start <= at + 1 and _PREFIX.fullmatch(text, at, start):
                    text_end = end
            elif kind == _IS_COMMENT and not depth:
                code_end, end = match.span(kind)
                if at == code_end:
                    self._comments.append((begin, end))
            elif kind == _GOES_ON:
                lines.append(match.end())

    def _spaces_end(self, begin: int) -> int:
        match = _SPACES.match(self._text, begin)
        return match.end() if match else begin

    # -- what belongs together

    def _enclosed(self) -> Iterator[tuple[Statement | None, Statement]]:
        """Yield every statement after the one whose block it is in."""
        around: list[Statement] = []
        for statement in self._statements:
            while around and around[-1].indent >= statement.indent:
                around.pop()
            yield around[-1] if around else None, statement
            around.append(statement)

    def _after_block(self, index: int) -> int:
        """Return the index after the block that a statement begins, or after itself when it has none."""
        indent = self._statements[index].indent
        after = index + 1
        while after < len(self._statements) and self._statements[after].indent > indent:
            after += 1
        return after

    def _goes_on(self, statement: Statement, index: int) -> bool:
        """Tell whether the statement of an index is another branch of this one."""
        if index == len(self._statements):
            return False
        other = self._statements[index]
        return other.indent == statement.indent and _OTHERWISE.match(self._text, other.at) is not None

    def _emptied(self, start: int, end: int) -> Cut:
        return start, end, "\n" * self._text.count("\n", start, end)

    def _within(self, statement: Statement, start: int, end: int, instead: str = "") -> Iterator[Cut]:
        """Yield a cut that leaves empty lines after the statement: outside of brackets none may be in between."""
        yield start, end, instead
        yield statement.end, statement.end, "\n" * self._text.count("\n", start, end)

    # -- annotations

    def _types_of(self, statement: Statement, opens: int) -> Iterator[Cut]:
        """Yield the annotations of one signature, which begins at its bracket."""
        lambdas = closes = 0
        colon = end = 0  # of the annotation that is being read, and of what was read before
        in_default = False
        for depth, match in self._signs(opens, statement.code_end):
            sign = match[0]
            if not depth and sign == ")":
                closes = match.end()
            if colon and (closes or (depth == 1 and sign in (",", "="))):
                yield self._emptied(colon, end)
                colon = 0
            if closes:
                yield from self._returned_type(statement, closes)
                return
            if depth == 1:
                if sign == "=":
                    in_default = True
                elif sign == "," and not lambdas:
                    in_default = False
                elif sign == "lambda":
                    lambdas += 1
                elif sign == ":" and in_default:
                    lambdas -= 1
                elif sign == ":":
                    colon = end
            end = match.end()

    def _returned_type(self, statement: Statement, closes: int) -> Iterator[Cut]:
        arrow, _end = self._find("->", closes, statement.code_end)
        if arrow:
            _colon, end = self._find(":", arrow, statement.code_end)
            yield from self._within(statement, arrow, end)

    def _find(self, wanted: str, start: int, stop: int) -> tuple[int, int]:
        """Return where a sign stands outside of brackets and strings, and where what is before it ends; or zeros."""
        end = start
        for depth, match in self._signs(start, stop):
            if not depth and match[0] == wanted:
                return match.start(), end
            end = match.end()
        return 0, 0

    def _signs(self, start: int, end: int) -> Iterator[tuple[int, re.Match[str]]]:
        """Yield what is neither space nor comment, after how many brackets are open around it."""
        depth = 0
        for match in _SIGN.finditer(self._text, start, end):
            if match.lastgroup is None:
                depth -= match[0] in (")", "]", "}")
                yield depth, match
                depth += match[0] in ("(", "[", "{")
