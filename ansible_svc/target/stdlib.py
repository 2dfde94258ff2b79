# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out what a piece of code imports when it is loaded.

A zygote compiles this, and imports what is of the standard library, before it forks: its runners find it ready. Nothing
else is imported ahead: importing the standard library has no effect that a module could tell from importing it later,
while third-party packages may appear, change or vanish during a play.
"""

from __future__ import annotations

import opcode
import re
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_IMPORT_NAME = opcode.opmap["IMPORT_NAME"]
_IMPORT_FROM = opcode.opmap["IMPORT_FROM"]
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
_EITHER_IMPORT = re.compile(b"[" + re.escape(bytes((_IMPORT_NAME, _IMPORT_FROM))) + b"]")
# Python 3.10 and newer know their own names; older ones get no head start.
_NAMES = frozenset(getattr(sys, "stdlib_module_names", ()))
# Importing these does something.
_LOUD = frozenset(("antigravity", "idlelib", "this", "tkinter", "turtle", "turtledemo"))


def imports(code: CodeType) -> list[str]:
    """Return the names of standard library modules that running this module's code imports, in order."""
    return [name for name, attribute in _imports(code) if not attribute and _is_quiet(name.partition(".")[0])]


def reached(name: str, code: CodeType) -> list[str]:
    """Return the names of all that running the code of a module may import, and some that do not exist.

    A name after ``from ... import`` may be that of a module. A name that the instructions give without its dots is
    taken as if it began in any of the packages around the module, unless it is known as the beginning of a whole name.

    Parameters:
        name: the module's own name.
        code: its code.
    """
    names = []
    whole = name.partition(".")[0]
    for imported, attribute in _imports(code):
        full = ".".join(filter(None, (imported, attribute)))
        names.append(full)
        top = imported.partition(".")[0]
        package = "" if top == whole or top in _NAMES else name
        while package:
            names.append(package + "." + full)
            package = package.rpartition(".")[0]
    return names


def _imports(code: CodeType) -> list[tuple[str, str]]:
    """Return (module, "") for each import of a module's code, and (module, name) for each name taken from one."""
    found = []
    module = ""
    instructions = code.co_code
    for match in _EITHER_IMPORT.finditer(instructions):
        at = match.start()
        if at % 2:
            continue  # an argument
        name = code.co_names[_argument(instructions, at)]
        if instructions[at] == _IMPORT_NAME:
            module = name
            found.append((module, ""))
        else:
            found.append((module, name))
    return found


def _argument(instructions: bytes, at: int) -> int:
    """Return the argument of an instruction, of which the more significant bytes stand before it."""
    argument, shift = instructions[at + 1], 8
    while at >= 2 and instructions[at - 2] == _EXTENDED_ARG:
        at -= 2
        argument |= instructions[at + 1] << shift
        shift += 8
    return argument


def _is_quiet(name: str) -> bool:
    return name in _NAMES and name not in _LOUD
