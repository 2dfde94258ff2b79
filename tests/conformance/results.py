# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep what runs of targets gave: one file per ansible-core version, Python and strategy.

The file of stock is the baseline: a target counts only when stock passes it on the same machine. Later runs replace
single targets and keep the others.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from enum import Enum
from pathlib import Path

_EXCERPT_LINES = 12
# What a reader looks for in a log; a failure that the play ignores is none.
_FAILURE = re.compile(r"^(fatal:|failed:|\[?ERROR\]?|.*\bTraceback \(most recent|.*Error: |.*AssertionError)")
_IGNORED = "...ignoring"


class Status(str, Enum):
    """Say how a target ended."""

    PASSED = "passed"
    FAILED = "failed"
    TIMEOUT = "timeout"


@dataclass(frozen=True)
class Result:
    """Tell how one target went under one strategy.

    excerpt holds the first relevant lines of the log of a run that did not pass; mapped the files whose strategies
    were replaced; commit what was under test ("" for stock); date is ISO 8601, UTC.
    """

    target: str
    status: Status
    seconds: float
    log: str
    date: str
    failed_step: str = ""
    commit: str = ""
    excerpt: list[str] = field(default_factory=list)
    mapped: list[str] = field(default_factory=list)

    @property
    def passed(self) -> bool:
        """Tell whether the target passed."""
        return self.status is Status.PASSED


class ResultFile:
    """Read and write the results of one strategy; every put is written at once, by renaming a whole file."""

    def __init__(self, path: Path) -> None:
        """Open the file `path`, which need not exist."""
        self.path = path
        self.results: dict[str, Result] = {}
        if path.is_file():
            for entry in json.loads(path.read_text("utf-8"))["results"]:
                self.results[entry["target"]] = Result(**{**entry, "status": Status(entry["status"])})

    def put(self, result: Result) -> None:
        """Store the result of one target in place of an earlier one."""
        with _locked(self.path):
            self.results = ResultFile(self.path).results | {result.target: result}
            entries = [asdict(self.results[name]) for name in sorted(self.results)]
            partial = self.path.with_suffix(f".{os.getpid()}.partial")
            partial.write_text(json.dumps({"results": entries}, indent=1) + "\n", "utf-8")
            partial.replace(self.path)


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process and one thread at a time write a result file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def result_path(cache: Path, core: str, python: str, strategy: str) -> Path:
    """Return the result file of a strategy ("linear" is stock) for an ansible-core and a Python version."""
    return cache / "results" / f"{core}-py{python}" / f"{strategy}.json"


def excerpt(log: str) -> list[str]:
    """Return the lines of a log that say why a target failed: its last failure that was not ignored, or its end."""
    lines = [line.rstrip() for line in log.splitlines() if line.strip()]
    start = None
    for number, line in enumerate(lines):
        if _FAILURE.match(line) and not any(_IGNORED in later for later in lines[number + 1 : number + 3]):
            start = number
    if start is None:
        return lines[-_EXCERPT_LINES:]
    return lines[start : start + _EXCERPT_LINES]
