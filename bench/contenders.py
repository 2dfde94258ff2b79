# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name who is compared, and find out who is there."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import pyinfra
from tests.lab.lab import CHECKOUT


@dataclass(frozen=True)
class Contender:
    """Describe one strategy, or another tool.

    directory holds the strategy's plugin, None for ansible-core's own; missing says why it can not run; program is that
    of a tool that is not Ansible.
    """

    strategy: str
    directory: Path | None = None
    missing: str = ""
    program: Path | None = None


def contenders(playbook: str = "") -> list[Contender]:
    """Return the contenders; the first is the one that the others are divided by.

    playbook: that of bench/playbooks that they are to run; without it only strategies are named.
    """
    strategies = [Contender("linear"), _mitogen(), _svc()]
    if not playbook:
        return strategies
    return [*strategies, Contender("pyinfra", missing=pyinfra.missing(playbook), program=pyinfra.PROGRAM)]


def there(strategies: Sequence[str] | None, playbook: str = "") -> list[Contender]:
    """Return the contenders that were asked for, all for None, and can run; say why others can not."""
    asked = [one for one in contenders(playbook) if not strategies or one.strategy in strategies]
    for one in asked:
        if one.missing:
            print(f"{one.strategy} is left out: {one.missing}", file=sys.stderr)
    return [one for one in asked if not one.missing]


def _mitogen() -> Contender:
    spec = importlib.util.find_spec("ansible_mitogen")
    if spec is None or spec.origin is None:
        return Contender("mitogen_linear", missing="ansible_mitogen is not installed (extra `bench`)")
    return Contender("mitogen_linear", Path(spec.origin).parent / "plugins" / "strategy")


def _svc() -> Contender:
    directory = CHECKOUT / "ansible_svc" / "plugins" / "strategy"
    if not (directory / "svc_linear.py").exists():
        return Contender("svc_linear", missing="there is no strategy svc_linear in this checkout")
    return Contender("svc_linear", directory)
