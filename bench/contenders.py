# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name who is compared, and find out who is there."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from tests.lab.lab import CHECKOUT


@dataclass(frozen=True)
class Contender:
    """Describe one strategy.

    directory holds its plugin, None for ansible-core's own; missing says why it can not run.
    """

    strategy: str
    directory: Path | None = None
    missing: str = ""


def contenders() -> list[Contender]:
    """Return the contenders; the first is the one that the others are divided by."""
    return [Contender("linear"), _mitogen(), _svc()]


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
