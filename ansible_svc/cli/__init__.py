# PYTHON_ARGCOMPLETE_OK
# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ``ansible-svc`` command.

A sub-command is one file in this folder. It has ``register(commands)``, which adds a parser to ``commands`` (what
argparse's add_subparsers returns) with ``set_defaults(run=...)``; ``run`` takes the parsed arguments and returns the
exit code. A file whose name begins with an underscore is shared by sub-commands. Every run of the command, and every
press of TAB, imports all of these files: what takes long to import (ansible-core, rich) is imported in ``run``.

A sub-command that hands options on to ansible-playbook says ``set_defaults(passes_on=True)``; what its parser does not
know is then in ``arguments.passed_on``, in the order given.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import pkgutil
import sys
from collections.abc import Sequence
from types import ModuleType

import ansible_svc
from ansible_svc.cli._exit_codes import EXIT_CODES, FOUND, INTERRUPTED, MISSING
from ansible_svc.cli._terminal import MissingLibrary

_COMPLETION = "argcomplete"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code, see _exit_codes.py; argparse raises SystemExit for wrong usage."""
    parser = command_parser()
    if importlib.util.find_spec(_COMPLETION) is not None:
        importlib.import_module(_COMPLETION).autocomplete(parser)
    arguments, rest = parser.parse_known_args(argv)
    if rest and not getattr(arguments, "passes_on", False):
        parser.error(f"unrecognized arguments: {' '.join(rest)}")
    arguments.passed_on = rest
    try:
        return int(arguments.run(arguments))
    except MissingLibrary as missing:
        print(f"ansible-svc: {missing}", file=sys.stderr)
        return MISSING
    except KeyboardInterrupt:
        print("ansible-svc: interrupted", file=sys.stderr)
        return INTERRUPTED
    except _errors_of_ansible() as error:
        print(f"ansible-svc: {error}", file=sys.stderr)
        return FOUND


def _errors_of_ansible() -> tuple[type[Exception], ...]:
    """Return ansible-core's exceptions if a sub-command has imported it; asked for only when something was raised."""
    errors = sys.modules.get("ansible.errors")
    return () if errors is None else (errors.AnsibleError,)


def command_parser() -> argparse.ArgumentParser:
    """Return the parser with every sub-command."""
    parser = argparse.ArgumentParser(
        prog="ansible-svc",
        description="Help with running Ansible playbooks through svc.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"ansible-svc {ansible_svc.__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for module in sub_commands():
        module.register(commands)
    return parser


def sub_commands() -> list[ModuleType]:
    """Return the modules of this folder that are sub-commands, by name."""
    names = sorted(found.name for found in pkgutil.iter_modules(__path__) if not found.name.startswith("_"))
    return [importlib.import_module(f"{__name__}.{name}") for name in names]
