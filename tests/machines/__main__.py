# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start, kill and remove the hosts of a Molecule scenario: python -m tests.machines up|start|kill|down --dir DIR.

`up` reads the platforms of molecule.yml as JSON from standard input and prints what Molecule's instance_config is to
hold.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.lab.errors import LabError
from tests.machines.machines import Machines, Platform


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.machines", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    chosen = {
        "up": commands.add_parser("up", help="start hosts"),
        "start": commands.add_parser("start", help="start a host that was killed, as if it were new"),
        "kill": commands.add_parser("kill", help="end a host as a power failure would"),
        "down": commands.add_parser("down", help="end all hosts and remove the directory"),
    }
    for command in chosen.values():
        command.add_argument("--dir", type=Path, required=True, help="the hosts' directory")
    for name in ("start", "kill"):
        chosen[name].add_argument("host")
    options = parser.parse_args(arguments)
    # A plain kill of `up` ends it like Ctrl-C, so that it takes down what it has started.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if options.command == "up":
            machines = Machines(options.dir)
            machines.up([_platform(entry) for entry in json.load(sys.stdin)])
            print(json.dumps(machines.inventory(), indent=1))
        elif options.command == "down":
            Machines.attach(options.dir).down()
        else:
            getattr(Machines.attach(options.dir), options.command)(options.host)
    except LabError as exc:
        print(f"machines: {exc}", file=sys.stderr)
        return 1
    return 0


def _platform(entry: dict[str, str]) -> Platform:
    return Platform(entry["name"], entry.get("network"), entry.get("python"))


if __name__ == "__main__":
    sys.exit(main())
