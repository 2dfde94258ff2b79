# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Compare what two runs of ansible-playbook printed.

The sections (PLAY, TASK, RUNNING HANDLER, RECAP) come in the same order. Within a section the same lines come, but in
any order, because hosts answer in any order under linear too.
"""

from __future__ import annotations

import collections
import re

from tests.lab.compare import VOLATILE_TEXT

_SECTION = re.compile(r"^(PLAY|TASK|RUNNING HANDLER|PLAYBOOK|NO MORE HOSTS|PLAY RECAP)\b")

DRAWN = (
    # The lab numbers the files it writes.
    r"ansible-\d+\.cfg",
    # Names of jobs: a random number and a pid.
    r"\bj\d+\.\d+\b",
    # Names of backup files: pid and time.
    r"\.\d+\.\d{4}-\d\d-\d\d@\d\d:\d\d:\d\d~",
    # Names by the tempfile module: rendered templates, and `content` of copy (there also as _original_basename).
    r"(?<=/)tmp[a-z0-9_]{8}\b",
    r"(?:^|(?<=/))\.[a-z0-9_]{8}(?=[\"'\s]|$)",
    r"(?<=/ansible\.)[a-z0-9_]{8}\b",
    r"(?<=Paused for )[\d.]+",
    # In the order of a set of strings, which Python draws anew in each process.
    r"(?<=Valid booleans include: )[^\"\n]+",
)
"""Regular expressions for text that linear draws anew in each run, beside those of tests/lab/compare.py."""

_VOLATILE_KEYS = "delta|elapsed|ansible_job_id|child_pid|atime|ctime|mtime|inode|pid|dev|start|end"

_LEVELLED = re.compile(
    "|".join(
        [
            rf'"(?:{_VOLATILE_KEYS})": (?:"[^"]*"|[\d.]+)',
            r'"_original_basename": "\.[a-z0-9_]{8}"',
            *DRAWN,
            *VOLATILE_TEXT,
        ]
    )
)

_DROPPED = re.compile(
    "|".join(
        [
            # How often a job is asked for depends on how fast it is, under linear as well.
            r"^ASYNC POLL on ",
            r"^FAILED - RETRYING: \[.*\]: Ask for ",
            r"^FAILED - RETRYING: \[.*\]: Wait for the slow job",
            # What ansible-core says of every strategy that is not its own, and how to silence it.
            r"^\[DEPRECATION WARNING\]: Use of strategy plugins not included in ansible\.builtin",
            r"^\[WARNING\]: Deprecation warnings can be disabled by setting",
        ]
    )
)

_INCLUDED = re.compile(r"(?<= for )\S+(?:, \S+)+(?=$| =>)")

Section = tuple[str, "collections.Counter[str]"]


def assert_same_lines(left: str, right: str, where: str) -> None:
    """Raise AssertionError with the lines that only one side has, section by section; where names the stream."""
    ours, theirs = sections(left), sections(right)
    titles = [[title for title, _ in side] for side in (ours, theirs)]
    assert titles[0] == titles[1], f"{where}: sections differ"
    found = []
    for (title, lines), (_, others) in zip(ours, theirs, strict=True):
        if lines != others:
            found.append(f"{where}, {title or 'before anything else'}")
            found += [f"  - {line}" for line in sorted((lines - others).elements())]
            found += [f"  + {line}" for line in sorted((others - lines).elements())]
    assert not found, "\n".join(found)


def level(text: str) -> str:
    """Return text with what is drawn anew in each run replaced."""
    return _LEVELLED.sub("<any>", text)


def lines(text: str) -> list[str]:
    """Return the levelled lines of an output, in their order."""
    return [level(line).rstrip() for line in text.splitlines() if not _DROPPED.match(line)]


def sections(text: str) -> list[Section]:
    """Return the levelled lines of each section of an output, under its title; what comes before has no title."""
    found: list[Section] = [("", collections.Counter())]
    for raw in text.splitlines():
        if _DROPPED.match(raw):
            continue
        line = _INCLUDED.sub(_in_order, level(raw).rstrip())
        if _SECTION.match(line):
            found.append((line.rstrip(" *"), collections.Counter()))
        elif line:
            found[-1][1][line] += 1
    return found


def _in_order(hosts: re.Match[str]) -> str:
    """Return the hosts of an "included:" line by name: they are there in the order in which they answered."""
    return ", ".join(sorted(hosts.group().split(", ")))
