# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the programs of modules without a fork of the interpreter, where nobody can tell the difference.

AnsibleModule.run_command (ansible/module_utils/basic.py) gives subprocess.Popen a function to call between fork and
exec: it sets the umask if run_command's caller wants one. Hardly anybody does, and then the function does nothing. But
because there is one, Python forks the whole interpreter (fork(2): page tables are copied, and each page that either
side writes to), instead of using vfork(2) as it does without. So a function that provably does nothing is left out.
"""

from __future__ import annotations

import subprocess
from types import FunctionType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

# The function as run_command has it. What is compiled to the same code does the same.
_SOURCE = """
import os
def run_command(umask):
    def preexec():
        if umask:
            os.umask(umask)
    return preexec
"""


def _compiled() -> FunctionType:
    namespace: dict[str, Any] = {}
    exec(_SOURCE, namespace)  # noqa: S102 - three lines above
    function: FunctionType = namespace["run_command"](None)
    return function


_KNOWN = _compiled().__code__


def does_nothing(function: object) -> bool:
    """Tell whether a function is run_command's, for a caller who wants no umask."""
    if type(function) is not FunctionType:
        return False
    code = function.__code__
    return (
        code.co_code == _KNOWN.co_code
        and code.co_names == _KNOWN.co_names
        and code.co_consts == _KNOWN.co_consts
        and code.co_freevars == _KNOWN.co_freevars
        and not function.__closure__[0].cell_contents  # type: ignore[index]
    )


def lay_over() -> None:
    """Have subprocess leave out functions that do nothing, from now on."""
    # Python 3.11 and newer have a name of their own for it.
    holder: Any = subprocess if hasattr(subprocess, "_fork_exec") else getattr(subprocess, "_posixsubprocess")  # noqa: B009
    name = "_fork_exec" if holder is subprocess else "fork_exec"
    setattr(holder, name, _leaving_out(getattr(holder, name)))


def _leaving_out(fork_exec: Callable[..., int]) -> Callable[..., int]:
    def fork_and_exec(*arguments: object) -> int:
        return fork_exec(*(None if does_nothing(argument) else argument for argument in arguments))

    return fork_and_exec
