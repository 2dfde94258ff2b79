# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run examples/site.yml with svc_linear on ten hosts of a private sshd, and show what the hosts shared."""

from __future__ import annotations

import argparse
import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from tests.lab import Lab, LabError
from tests.lab.lab import CHECKOUT
from tests.lab.playbook import executable

_EXAMPLES = CHECKOUT / "examples"


def main() -> int:
    """Bring the lab up, run the playbook, print the table, take the lab down; return ansible-playbook's exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hosts", type=int, default=10)
    parser.add_argument("--strategy", default="svc_linear")
    options = parser.parse_args()
    # A plain kill takes the way of Ctrl-C, so that the lab is taken down then too.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Lab() as lab:
            return _run(lab, options.hosts, options.strategy)
    except LabError as exc:
        print(f"demo: {exc}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ndemo: interrupted, everything it started has been stopped", file=sys.stderr)
        return 130


def _run(lab: Lab, hosts: int, strategy: str) -> int:
    statistics = lab.directory / "statistics.json"
    variables = {"become_to": "svclab1"} if lab.accounts else {}
    inventory = lab.inventory(hosts, **variables)
    cfg = lab.ansible_cfg(strategy=strategy, forks=hosts, pipelining=True)
    command = [*executable(), "-i", str(inventory)]
    command += ["--vault-password-file", str(_EXAMPLES / "vault-password")]
    command += ["-e", f"controller_workdir={lab.directory / 'build'}", str(_EXAMPLES / "site.yml")]
    print(f"private sshd on 127.0.0.0/8 port {lab.sshd.port}, {hosts} hosts, strategy {strategy}", flush=True)
    begun = time.monotonic()
    rc = _wait(subprocess.Popen(command, env=lab.env(cfg, ANSIBLE_SVC_STATS_FILE=str(statistics)), cwd=CHECKOUT))
    print(f"\nansible-playbook ended with {rc} after {time.monotonic() - begun:.1f} s")
    print(_table(statistics))
    return rc


def _wait(playbook: subprocess.Popen[bytes]) -> int:
    """Wait for ansible-playbook, and on Ctrl-C give it the time to end by itself: it got the signal as well."""
    try:
        return playbook.wait()
    except KeyboardInterrupt:
        try:
            playbook.wait(timeout=10)
        except subprocess.TimeoutExpired:
            playbook.kill()
            playbook.wait()
        # A second Ctrl-C must not end the taking down.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        raise


def _table(statistics: Path) -> str:
    """Return the strategy's statistics file as sections of aligned lines."""
    if not statistics.exists():
        return "no statistics were written"
    lines = ["What was shared"]
    for name, value in json.loads(statistics.read_text()).items():
        lines += _section(name, value, indent=2)
    return "\n".join(lines)


def _section(name: str, value: Any, indent: int) -> list[str]:
    """Return the lines of one entry; an object of objects becomes a table with a column for each of their names."""
    margin = " " * indent
    if not isinstance(value, dict):
        return [f"{margin}{name:<{26 - indent}}{_number(value):>12}"]
    if not value:
        return []
    if all(isinstance(row, dict) for row in value.values()):
        columns = list(dict.fromkeys(column for row in value.values() for column in row))
        lines = [f"{margin}{name:<{26 - indent}}" + "".join(f"{column:>12}" for column in columns)]
        for row_name, row in sorted(value.items()):
            cells = "".join(f"{_number(row.get(column, '')):>12}" for column in columns)
            lines.append(f"{margin}  {row_name:<{24 - indent}}{cells}")
        return lines
    if any(" " in inner for inner in value):
        # Sentences, counted: the number first.
        return [f"{margin}{name}", *(f"{margin}  {_number(count):>6}  {text}" for text, count in value.items())]
    return [f"{margin}{name}", *(line for inner in value for line in _section(inner, value[inner], indent + 2))]


def _number(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return str(value)
    return f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"


if __name__ == "__main__":
    sys.exit(main())
