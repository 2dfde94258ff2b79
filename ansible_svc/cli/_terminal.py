# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What sub-commands print with: rich for people, JSON for scripts.

rich comes with the extra ``cli`` of the package and not with the package, which every controller installs.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console


class MissingLibrary(Exception):
    """A library of the extra ``cli`` is not installed; str() is a sentence that says what to do."""


def console(stderr: bool = False) -> Console:
    """Return the terminal. Raises MissingLibrary when rich is not installed."""
    if importlib.util.find_spec("rich") is None:
        raise MissingLibrary(
            "tables are printed with the library rich, which is not installed: pip install 'ansible-svc[cli]',"
            " or ask for --json"
        )
    from rich.console import Console

    return Console(stderr=stderr, highlight=False, soft_wrap=False)


def print_json(document: Any) -> None:
    """Print a document as JSON."""
    json.dump(document, sys.stdout, indent=2)
    sys.stdout.write("\n")
