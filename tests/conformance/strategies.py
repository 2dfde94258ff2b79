# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Map the strategies that targets choose for themselves to the ones under test.

A target that plays with `strategy: free` shall test `svc_free`. The mapping is textual, on lines that speak of a
strategy, and is done in the working copy of a target only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

STOCK = "linear"

_KINDS = ("linear", "free", "host_pinned")
_SUFFIXES = frozenset({".yml", ".yaml", ".sh", ".cfg", ".ini", ".j2"})
# The word after which a name of a strategy is meant; everything in front of it on the line is left as it is.
_KEYWORD = re.compile(r"strategy\b", re.IGNORECASE)
_NAME = re.compile(r"(?<![\w./-])(?:ansible\.(?:builtin|legacy)\.)?(linear|free|host_pinned)(?![\w./-])")


@dataclass(frozen=True)
class Family:
    """Name three strategies that belong together: stock's, or `svc_` / `mitogen_` with the kind behind it."""

    prefix: str

    @classmethod
    def of(cls, strategy: str) -> Family:
        """Return the family of a strategy by its name: "svc_linear" belongs to "svc_". Raises ValueError."""
        for kind in _KINDS:
            if strategy == kind or strategy.endswith("_" + kind):
                return cls(strategy[: -len(kind)])
        raise ValueError(f"{strategy!r} does not end in one of {', '.join(_KINDS)}")

    @property
    def stock(self) -> bool:
        """Tell whether these are ansible-core's own."""
        return not self.prefix

    def member(self, kind: str) -> str:
        """Return this family's counterpart of a stock strategy."""
        return self.prefix + kind


def map_line(line: str, family: Family) -> str:
    """Return a line with each stock strategy that is named after the word "strategy" replaced by the family's."""
    keyword = _KEYWORD.search(line)
    if keyword is None or line.lstrip().startswith("#"):
        return line
    head, tail = line[: keyword.end()], line[keyword.end() :]
    return head + _NAME.sub(lambda match: family.member(match[1]), tail)


def map_tree(root: Path, family: Family) -> list[str]:
    """Map the strategies in every text file below `root`; return the relative paths of the files that changed."""
    changed: list[str] = []
    if family.stock:
        return changed
    for path in sorted(root.rglob("*")):
        if path.suffix not in _SUFFIXES or path.is_symlink() or not path.is_file():
            continue
        before = path.read_bytes()
        if b"strategy" not in before.lower():
            continue
        # latin-1 gives every byte back as it was: some targets hold text that is not UTF-8 on purpose.
        after = "".join(map_line(line, family) for line in before.decode("latin-1").splitlines(keepends=True))
        if after.encode("latin-1") != before:
            path.write_bytes(after.encode("latin-1"))
            changed.append(str(path.relative_to(root)))
    return changed
