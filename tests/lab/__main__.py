# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Bring a lab up for a person, and down again: python -m tests.lab up|down --dir DIR."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from tests.lab.errors import LabError
from tests.lab.lab import CHECKOUT, Lab


def main(arguments: list[str] | None = None) -> int:
    """Parse the command line and do what it says; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.lab", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="start a private sshd and write inventory.yml and ansible.cfg")
    up.add_argument("--hosts", type=int, default=10, metavar="N", help="managed hosts in the inventory (10)")
    up.add_argument("--strategy", default="linear", help="strategy in ansible.cfg (linear)")
    down = commands.add_parser("down", help="end the lab's processes and remove its directory")
    for command in (up, down):
        command.add_argument("--dir", type=Path, default=Path("/tmp/svclab"), help="the lab's directory (/tmp/svclab)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "down":
            Lab.attach(options.dir).down()
        else:
            _up(options.dir, options.hosts, options.strategy)
    except LabError as exc:
        print(f"lab: {exc}", file=sys.stderr)
        return 1
    return 0


def _up(directory: Path, hosts: int, strategy: str) -> None:
    lab = Lab(directory)
    lab.up()
    lab.inventory(hosts).rename(lab.directory / "inventory.yml")
    lab.ansible_cfg(strategy=strategy, forks=hosts).rename(lab.directory / "ansible.cfg")
    print(
        f"sshd answers on 127.0.0.0/8 port {lab.sshd.port}; {hosts} hosts, strategy {strategy}.\n"
        f"  export ANSIBLE_CONFIG={lab.directory}/ansible.cfg PYTHONPATH={CHECKOUT}\n"
        f"  ansible-playbook -i {lab.directory}/inventory.yml PLAYBOOK\n"
        f"  python -m tests.lab down --dir {lab.directory}"
    )
    for account in lab.accounts.values():
        print(f"  account {account.name}, password {account.password}")


if __name__ == "__main__":
    sys.exit(main())
