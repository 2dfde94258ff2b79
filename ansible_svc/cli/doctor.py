# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``ansible-svc doctor``: what is installed and configured, what will run how, and what the hosts are like."""

from __future__ import annotations

import argparse
import os
from typing import Any

from ansible_svc.cli._exit_codes import EXIT_CODES, FOUND, OK
from ansible_svc.cli._terminal import console, print_json

_DESCRIPTION = """\
Look at what is installed, at the configuration in force, at a playbook and at managed hosts, and say what stands
between them and a fast run. Nothing is changed.

All that doctor does not know is handed on to ansible-playbook's own parser: -i, --limit, -e, --tags, -u, -K and so on
mean what they mean there. Without -i the inventory of ansible.cfg is used; --no-hosts connects to none of its hosts.
"""


def register(commands: Any) -> None:
    """Add the sub-command."""
    parser = commands.add_parser(
        "doctor",
        help="say what is installed, what will run how, and what the hosts are like",
        usage="ansible-svc doctor [--no-hosts] [--json] [-i INVENTORY] [PLAYBOOK ...] [ansible-playbook options]",
        description=_DESCRIPTION,
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--no-hosts", action="store_true", help="connect to no host")
    parser.add_argument("--json", action="store_true", help="print all that was found as JSON")
    parser.set_defaults(run=run, passes_on=True)


def run(arguments: argparse.Namespace) -> int:
    """Look, print, and tell whether all is well."""
    terminal = None if arguments.json else console()
    # Of every strategy that is not its own ansible-core says that it is deprecated; here nobody chose one.
    os.environ.setdefault("ANSIBLE_DEPRECATION_WARNINGS", "False")
    report = examine(arguments.passed_on, hosts=not arguments.no_hosts)
    if terminal is None:
        print_json(report)
    else:
        from ansible_svc.cli._findings import show

        show(report, terminal)
    return FOUND if report["problems"] else OK


def examine(passed_on: list[str], hosts: bool) -> dict[str, Any]:
    """Return all findings as plain values.

    Parameters:
        passed_on: arguments for ansible-playbook, playbooks among them or not.
        hosts: whether to connect to managed hosts.
    """
    from ansible.errors import AnsibleError

    from ansible_svc.cli import _forecast, _installation, _looking
    from ansible_svc.cli._playbook import empty_playbook
    from ansible_svc.compat.command_line import named_playbooks, open_session

    report: dict[str, Any] = {"versions": _installation.versions(), "settings": _installation.settings()}
    problems = report["problems"] = _installation.unsupported()
    report["plays"], report["hosts"] = [], {}
    with empty_playbook() as nothing:
        playbooks = named_playbooks(passed_on)
        command_line = passed_on if playbooks else [*passed_on, nothing]
        missing = [path for path in playbooks if not os.path.isfile(path)]
        problems += [f"there is no playbook {path}" for path in missing]
        playbooks = [path for path in playbooks if path not in missing]
        try:
            session = open_session(command_line, playbooks)
            if problem := _installation.strategy_problem():
                problems.append(problem)
            for playbook in playbooks:
                try:
                    report["plays"] += _forecast.forecast(session, playbook)
                except AnsibleError as error:
                    problems.append(f"{playbook}: {error}")
            if hosts and session.inventory.list_hosts("all"):
                report["hosts"] = _looking.look_at_hosts(session)
        except AnsibleError as error:
            problems.append(str(error))
    problems += [
        f"{host} is {seen['status']}: {seen['message']}" for host, seen in report["hosts"].items() if "message" in seen
    ]
    return report
