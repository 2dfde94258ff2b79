# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ``ansible-svc`` command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import ansible_svc

PLUGIN_KINDS = ("strategy", "connection")


def plugin_path(kind: str) -> Path:
    """Return the folder with the plugins of a kind ("strategy" or "connection")."""
    return Path(ansible_svc.__path__[0]) / "plugins" / kind


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command and return its exit code: 0, or 2 for wrong usage (raised as SystemExit by argparse)."""
    parser = argparse.ArgumentParser(prog="ansible-svc", description="Help with running Ansible playbooks through svc.")
    parser.add_argument("--version", action="version", version=f"ansible-svc {ansible_svc.__version__}")
    commands = parser.add_subparsers(dest="command", required=True)
    path = commands.add_parser("path", help="print the folder to name in ansible.cfg, by default as strategy_plugins")
    path.add_argument("kind", nargs="?", choices=PLUGIN_KINDS, default=PLUGIN_KINDS[0], help="which plugins")
    arguments = parser.parse_args(argv)
    print(plugin_path(arguments.kind))
    return 0
