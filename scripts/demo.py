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
from collections.abc import Iterator
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
        raise


def _table(statistics: Path) -> str:
    """Return the numbers of the strategy's statistics file as aligned lines, nested names joined with dots."""
    if not statistics.exists():
        return "no statistics were written"
    rows = list(_rows("", json.loads(statistics.read_text())))
    width = max((len(name) for name, _ in rows), default=0)
    return "\n".join(["What was shared", *(f"  {name:<{width}}  {value:>14}" for name, value in rows)])


def _rows(prefix: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _rows(f"{prefix}.{name}" if prefix else str(name), inner)
    elif isinstance(value, (int, float)):
        yield prefix, f"{value:,}" if isinstance(value, int) else f"{value:,.3f}"
    elif value is not None:
        yield prefix, json.dumps(value) if isinstance(value, list) else str(value)


if __name__ == "__main__":
    sys.exit(main())
