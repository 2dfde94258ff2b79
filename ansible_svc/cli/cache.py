# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``ansible-svc cache``: what agents have kept on the managed hosts, and a way to be rid of it."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ansible_svc.cli._exit_codes import EXIT_CODES, FOUND, OK
from ansible_svc.cli._terminal import console, print_json

_DESCRIPTION = """\
Show or clear the directory in which agents keep code on the managed hosts (options cache, cache_dir and cache_size of
the svc strategies). Nothing is lost by clearing it: the next run sends again what it needs.

Connections are made as those of a play: -i, -u, -e, --become and so on are handed on to ansible-playbook's own parser
and mean what they mean there. With --become it is the other user's directory.
"""


def register(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "cache",
        help="show or clear what is kept on the managed hosts",
        usage="ansible-svc cache show|clear [--json] [-i INVENTORY] [PATTERN] [ansible-playbook options]",
        description=_DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("verb", choices=("show", "clear"), help="what to do")
    parser.add_argument("--json", action="store_true", help="print all that was found as JSON")
    parser.set_defaults(run=run, passes_on=True)


def run(arguments: argparse.Namespace) -> int:
    """Ask every host, print, and tell whether all have answered. Raises AnsibleError when there is none to ask."""
    terminal = None if arguments.json else console()
    os.environ.setdefault("ANSIBLE_DEPRECATION_WARNINGS", "False")
    hosts = ask(arguments.passed_on, clear=arguments.verb == "clear")
    if terminal is None:
        print_json(hosts)
    else:
        _show(hosts, terminal, arguments.verb)
    return OK if all(seen["status"] == "ok" for seen in hosts.values()) else FOUND


def ask(passed_on: list[str], clear: bool) -> dict[str, dict[str, Any]]:
    """Return, by host, ``status`` and either ``message`` or what target.cache.Cache.show says.

    Parameters:
        passed_on: a pattern of hosts or none, and options for ansible-playbook.
        clear: remove what is there.

    Raises AnsibleError.
    """
    from ansible_svc.cli._looking import look_at_hosts
    from ansible_svc.cli._playbook import empty_playbook
    from ansible_svc.compat.command_line import named_playbooks, open_session

    with empty_playbook() as nothing:
        patterns = named_playbooks(passed_on)
        # To ansible-playbook's parser a pattern is a playbook. It reads none, so the pattern may stay where it is.
        command_line = passed_on if patterns else [*passed_on, nothing]
        pattern = ":".join(patterns) or "all"
        session = open_session(command_line, [], pattern)
        return look_at_hosts(session, "svc_cache", {"clear": clear}, pattern)


def _show(hosts: dict[str, dict[str, Any]], terminal: Any, verb: str) -> None:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for title in ("host", "directory", "files", "KB"):
        table.add_column(title, justify="right" if title in ("files", "KB") else "left", overflow="fold")
    for host, seen in hosts.items():
        if seen["status"] != "ok":
            table.add_row(host, f"{seen['status']}: {seen['message']}", "", "")
        elif seen["directory"] is None:
            table.add_row(host, "none is in use", "", "")
        else:
            table.add_row(host, seen["directory"], str(seen["files"]), str(-(-seen["size_bytes"] // 1000)))
    if verb == "clear":
        terminal.print("removed:")
    terminal.print(table)
