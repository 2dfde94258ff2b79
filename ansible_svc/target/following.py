# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Choose the module that follows another without the controller being asked in between.

What may follow travels with the request for the first module, as a list of dictionaries:

    {"when": [[names, equal, value], ...], "bundle", "module", "arguments", "before"}

One follows when all its conditions hold for the first module's JSON: what is found there by the names, one inside the
other, is equal to the value, or is there and differs from it.
"""

from __future__ import annotations

import json

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MISSING = object()


def chosen(then: list[dict[str, Any]], out: bytes) -> int | None:
    """Return the index of the first that follows a module which wrote this, None when none does."""
    try:
        result = json.loads(out)
    except ValueError:
        return None
    for index, step in enumerate(then):
        if all(_holds(result, *condition) for condition in step["when"]):
            return index
    return None


def _holds(result: Any, names: list[str], equal: bool, value: Any) -> bool:
    for name in names:
        result = result.get(name, _MISSING) if isinstance(result, dict) else _MISSING
    return result is not _MISSING and (result == value) == equal
