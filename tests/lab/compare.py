# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell whether two runs of a playbook gave the same callback events.

For each host the events must come in the same order. Events that belong to no host (plays, tasks, includes, recap) must
come in the same order too. Between hosts the order is free, as it is between the forks of stock Ansible, but within one
task the same hosts must have reported the same events. What differs from run to run by nature is levelled first: times,
process ids, temporary names, and what the caller adds.

    python -m tests.lab.compare LEFT.jsonl RIGHT.jsonl [--ignore KEY]... [--level REGEX]...
"""

from __future__ import annotations

import argparse
import collections
import difflib
import json
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.lab.playbook import read_events

Event = dict[str, Any]

_ANY = "<any>"

_ALWAYS_IN_STEP = ("playbook_start", "play_start", "stats")

VOLATILE_KEYS = frozenset(
    {
        "at",
        "start",
        "end",
        "delta",
        "elapsed",
        "pid",
        "ansible_job_id",
        "results_file",
        "_ansible_remote_tmp",
        "atime",
        "ctime",
        "mtime",
        "inode",
        "ino",
        "dev",
        "version",
        # variables that tell how somebody came here; all others have to be the same
        "SSH_CLIENT",
        "SSH_CONNECTION",
        "SUDO_COMMAND",
        # facts that move while a machine runs
        "ansible_date_time",
        "ansible_loadavg",
        "ansible_memfree_mb",
        "ansible_memory_mb",
        "ansible_mounts",
        "ansible_swapfree_mb",
        "ansible_uptime_seconds",
    }
)
"""Result keys whose value says when or where a run was, never what it did."""

VOLATILE_TEXT = (
    r"ansible-tmp-[0-9.]+-[0-9]+-[0-9]+",
    r"ansible-local-[0-9]+\w{8}",
    r"ansible_[\w.]*payload_\w{8}",
    r"\.ansible_tmp\w{8}[\w.-]*",
    r"(?<=/tmp/)[\w.-]*\w{8}(?=/|\b)",
    r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d([.,]\d+)?(Z|[+-]\d\d:?\d\d)?",
    r"0x[0-9a-f]{6,16}",
    r"(?<=process )\d+|(?<=pid[ =:])\d+",
)
"""Regular expressions for what is drawn anew in each run within a string."""


@dataclass(frozen=True)
class Normaliser:
    """Level what differs by nature. ignore: more keys; level: more regular expressions; both on top of the above."""

    ignore: frozenset[str] = frozenset()
    level: tuple[str, ...] = ()
    _pattern: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_pattern", re.compile("|".join([*self.level, *VOLATILE_TEXT])))

    def event(self, event: Event) -> Event:
        """Return the event in the form in which it is compared."""
        levelled: Event = self._value(event)
        return levelled

    def _value(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: _ANY if key in VOLATILE_KEYS or key in self.ignore else self._value(inner)
                for key, inner in value.items()
            }
        if isinstance(value, list):
            return [self._value(inner) for inner in value]
        if isinstance(value, str):
            return self._pattern.sub(_ANY, value)
        return value


def differences(
    left: Iterable[Event], right: Iterable[Event], normaliser: Normaliser | None = None, *, in_step: bool = True
) -> list[str]:
    """Return what differs between two runs, one readable paragraph per difference; empty when nothing does.

    in_step: hosts wait for each other before each task; otherwise each of them is compared by itself.
    """
    normaliser = normaliser or Normaliser()
    runs = [[normaliser.event(event) for event in events] for events in (left, right)]
    outside = [[e for e in run if "host" not in e and (in_step or e["event"] in _ALWAYS_IN_STEP)] for run in runs]
    found = _ordered("outside of any host", *outside)
    hosts = sorted({event["host"] for run in runs for event in run if "host" in event})
    for host in hosts:
        found += _ordered(f"host {host}", *([e for e in run if e.get("host") == host] for run in runs))
    return found + (_per_task(*runs) if in_step else [])


def assert_equal(
    left: Iterable[Event], right: Iterable[Event], normaliser: Normaliser | None = None, *, in_step: bool = True
) -> None:
    """Raise AssertionError with the whole report when two runs differ, or when there is nothing to compare."""
    left, right = list(left), list(right)
    assert left, "the left run has no events"
    assert right, "the right run has no events"
    found = differences(left, right, normaliser, in_step=in_step)
    assert not found, "\n\n".join(found)


def _ordered(where: str, left: Sequence[Event], right: Sequence[Event]) -> list[str]:
    """Compare two sequences of events and describe each stretch that differs."""
    ours, theirs = ([json.dumps(event, sort_keys=True) for event in events] for events in (left, right))
    found = []
    for kind, l_from, l_to, r_from, r_to in difflib.SequenceMatcher(a=ours, b=theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        if l_to - l_from == r_to - r_from:
            pairs = zip(left[l_from:l_to], right[r_from:r_to], strict=True)
            found += [f"{where}: {_title(one)}\n{_lines(one, other)}" for one, other in pairs]
            continue
        found.append(
            "\n".join(
                [f"{where}: events differ"]
                + [f"  - {_title(event)}" for event in left[l_from:l_to]]
                + [f"  + {_title(event)}" for event in right[r_from:r_to]]
            )
        )
    return found


def _per_task(left: Sequence[Event], right: Sequence[Event]) -> list[str]:
    """Compare which hosts reported what between one start of a task and the next."""
    found = []
    for (title, ours), (_, theirs) in zip(_tasks(left), _tasks(right), strict=False):
        if ours != theirs:
            lost = [f"  - {entry}" for entry in sorted((ours - theirs).elements())]
            new = [f"  + {entry}" for entry in sorted((theirs - ours).elements())]
            found.append("\n".join([f"while {title} was the current task", *lost, *new]))
    return found


def _tasks(events: Iterable[Event]) -> list[tuple[str, collections.Counter[str]]]:
    tasks: list[tuple[str, collections.Counter[str]]] = [("no task", collections.Counter())]
    for event in events:
        if event["event"].endswith("task_start"):
            tasks.append((_title(event), collections.Counter()))
        elif "host" in event:
            tasks[-1][1][_title(event)] += 1
    return tasks


def _title(event: Event) -> str:
    names = (event[key] for key in ("host", "play", "task", "handler", "file") if key in event)
    return " ".join([event["event"], *map(repr, names)])


def _lines(left: Event, right: Event) -> str:
    """Return the lines of two events' JSON that differ, with one line around them."""
    ours, theirs = (json.dumps(event, indent=1, sort_keys=True).splitlines() for event in (left, right))
    lines = difflib.unified_diff(ours, theirs, n=1, lineterm="")
    return "\n".join(f"  {line}" for line in lines if not line.startswith(("---", "+++", "@@")))


def main(arguments: list[str] | None = None) -> int:
    """Compare two files; return 0 when they agree, 1 when they differ."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("left", type=Path)
    parser.add_argument("right", type=Path)
    parser.add_argument("--ignore", action="append", default=[], metavar="KEY", help="a result key not to compare")
    parser.add_argument("--level", action="append", default=[], metavar="REGEX", help="text that may differ")
    options = parser.parse_args(arguments)
    normaliser = Normaliser(frozenset(options.ignore), tuple(options.level))
    left, right = read_events(options.left), read_events(options.right)
    if not left or not right:
        print("a file holds no events", file=sys.stderr)
        return 1
    found = differences(left, right, normaliser)
    print("\n\n".join(found) or f"equal: {len(left)} events")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
