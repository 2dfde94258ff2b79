# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Decide which targets apply to a private host on this kind of machine, and say why the others do not.

excluded.toml holds what is left out, each with its reason; quick.txt and first.txt hold the subsets by name.
"""

from __future__ import annotations

import fnmatch
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.conformance.errors import UnknownTargetError
from tests.conformance.targets import Target

_FOLDER = Path(__file__).parent
SUBSETS = ("quick", "first", "all")


@dataclass(frozen=True)
class Rule:
    """Leave out the targets that have one of `aliases`, and none of `unless`, or match a name pattern in `targets`."""

    reason: str
    aliases: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()

    def covers(self, target: Target) -> bool:
        """Tell whether this rule leaves a target out."""
        named = any(fnmatch.fnmatchcase(target.name, pattern) for pattern in self.targets)
        spared = any(target.has(alias) for alias in self.unless)
        return named or (not spared and any(target.has(alias) for alias in self.aliases))


def read_rules(path: Path = _FOLDER / "excluded.toml") -> list[Rule]:
    """Read the rules of a file like excluded.toml. Raises ValueError for a rule without a reason or without a match."""
    rules = []
    for entry in tomllib.loads(path.read_text("utf-8"))["rule"]:
        matches = (tuple(entry.get(key, ())) for key in ("aliases", "targets", "unless"))
        rule = Rule(entry["reason"], *matches)
        if not rule.reason or not (rule.aliases or rule.targets):
            raise ValueError(f"{path.name}: a rule needs a reason and aliases or targets: {entry}")
        rules.append(rule)
    return rules


def excluded(targets: Iterable[Target], rules: Sequence[Rule]) -> dict[str, str]:
    """Return the reason for each target that is left out; hidden ones, which only serve others, do not appear."""
    reasons = {}
    for target in targets:
        reason = next((rule.reason for rule in rules if rule.covers(target)), None)
        if reason is not None and not target.hidden:
            reasons[target.name] = reason
    return reasons


def read_patterns(path: Path) -> list[str]:
    """Return the patterns in a list file: one a line, comments behind a hash."""
    lines = (line.partition("#")[0].strip() for line in path.read_text("utf-8").splitlines())
    return [line for line in lines if line]


def subset(name: str) -> list[str]:
    """Return the name patterns of a subset: quick, first or all."""
    return ["*"] if name == "all" else read_patterns(_FOLDER / f"{name}.txt")


def select(patterns: Iterable[str], targets: Mapping[str, Target], *, strict: bool) -> list[str]:
    """Return the targets that the patterns name, in the order of the patterns, each once; hidden ones are left out.

    strict=True raises UnknownTargetError for a pattern that matches nothing (a release may lack a target of a subset).
    """
    names: dict[str, None] = {}
    for pattern in patterns:
        found = [name for name in targets if fnmatch.fnmatchcase(name, pattern) and not targets[name].hidden]
        if strict and not found:
            raise UnknownTargetError(f"no integration target matches {pattern!r}")
        names.update(dict.fromkeys(found))
    return list(names)
