# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``ansible-svc path``: where the plugins are."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import ansible_svc
from ansible_svc.cli._exit_codes import EXIT_CODES, OK
from ansible_svc.cli._terminal import print_json

PLUGIN_KINDS = ("strategy", "connection", "callback")


def plugin_path(kind: str) -> Path:
    """Return the folder with the plugins of a kind, one of PLUGIN_KINDS."""
    return Path(ansible_svc.__path__[0]) / "plugins" / kind


def register(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "path",
        help="print a folder with plugins",
        description="Print the folder to name in ansible.cfg, by default the one for strategy_plugins.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("kind", nargs="?", choices=PLUGIN_KINDS, default=PLUGIN_KINDS[0], help="which plugins")
    parser.add_argument("--json", action="store_true", help="print all folders, as JSON")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Print the folder, or all of them."""
    if arguments.json:
        print_json({f"{kind}_plugins": str(plugin_path(kind)) for kind in PLUGIN_KINDS})
    else:
        print(plugin_path(arguments.kind))
    return OK
