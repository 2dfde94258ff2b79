# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The rules of Chrome's trace-event format ("Trace Event Format", JSON object format) for what we use of it."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

_METADATA = {"process_name": "name", "thread_name": "name", "thread_sort_index": "sort_index"}


def problems(trace: Any) -> list[str]:
    """Return what is wrong with a trace, as read back from its file."""
    if not isinstance(trace, dict) or not isinstance(trace.get("traceEvents"), list):
        return ["not an object with traceEvents"]
    found = []
    if trace.get("displayTimeUnit", "ms") not in ("ms", "ns"):
        found.append("displayTimeUnit is neither ms nor ns")
    tracks: dict[tuple[int, int], list[tuple[int, int, str]]] = defaultdict(list)
    named = set()
    for number, event in enumerate(trace["traceEvents"]):
        wrong = _event(event)
        found += [f"event {number}: {text}" for text in wrong]
        if wrong:
            continue
        if event["ph"] == "X":
            tracks[event["pid"], event["tid"]].append((event["ts"], event["ts"] + event["dur"], event["name"]))
        elif event["name"] == "thread_name":
            named.add((event["pid"], event["tid"]))
    found += [f"track {track} has no name" for track in tracks.keys() - named]
    for track, events in tracks.items():
        found += [f"track {track}: {text}" for text in _nesting(events)]
    return found


def _event(event: Any) -> list[str]:
    if not isinstance(event, dict):
        return ["not an object"]
    wrong = [f"{key} is no string" for key in ("name", "ph") if not isinstance(event.get(key), str)]
    wrong += [f"{key} is no int" for key in ("pid", "tid", "ts") if type(event.get(key)) is not int]
    if not isinstance(event.get("args", {}), dict):
        wrong.append("args is no object")
    if wrong:
        return wrong
    if event["ph"] == "X":
        if type(event.get("dur")) is not int or event["dur"] < 0:
            wrong.append("dur is no duration")
        if not isinstance(event.get("cat"), str):
            wrong.append("cat is no string")
    elif event["ph"] == "M":
        if event["name"] not in _METADATA or _METADATA[event["name"]] not in event["args"]:
            wrong.append(f"unknown metadata {event['name']} {event['args']}")
    else:
        wrong.append(f"unknown phase {event['ph']}")
    return wrong


def _nesting(events: list[tuple[int, int, str]]) -> list[str]:
    """Complete events of one track must lie within each other or apart."""
    found = []
    open_ends: list[int] = []
    for begin, end, name in sorted(events, key=lambda event: (event[0], -event[1])):
        while open_ends and open_ends[-1] <= begin:
            open_ends.pop()
        if open_ends and end > open_ends[-1]:
            found.append(f"{name} at {begin} ends after what it is within")
        open_ends.append(end)
    return found
