# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out which modules of the standard library a piece of code imports when it is loaded.

A zygote imports these before it forks, so that its runners find them ready. Only the standard library: importing it
has no effect that a module could tell from importing it later, while third-party packages may appear, change or vanish
during a play.
"""

from __future__ import annotations

import opcode
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType

_IMPORT_NAME = opcode.opmap["IMPORT_NAME"]
_EXTENDED_ARG = opcode.opmap["EXTENDED_ARG"]
# Python 3.10 and newer know their own names; older ones get no head start.
_NAMES = frozenset(getattr(sys, "stdlib_module_names", ()))
# Importing these does something.
_LOUD = frozenset(("antigravity", "idlelib", "this", "tkinter", "turtle", "turtledemo"))


def imports(code: CodeType) -> list[str]:
    """Return the names of standard library modules that running this module's code imports, in order."""
    found = []
    extended = 0
    instructions = code.co_code
    for at in range(0, len(instructions) - 1, 2):
        operation, argument = instructions[at], instructions[at + 1] | extended
        extended = 0
        if operation == _EXTENDED_ARG:
            extended = argument << 8
        elif operation == _IMPORT_NAME and argument < len(code.co_names):
            name = code.co_names[argument]
            top = name.partition(".")[0]
            if top in _NAMES and top not in _LOUD:
                found.append(name)
    return found
