# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Tell equal requests from different ones, and say what keeping a value costs. Pure functions."""

from __future__ import annotations

import hashlib
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

#: Longer text and bytes are kept in a key as their digest, so that keys stay small.
_LONG = 256


def canonical_key(method: str, kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """
    Return a hashable key that is equal for equal requests only.

    Values of different types never count as equal: 1, True, 1.0, "1" and b"1" are five keys, and so are 0.0
    and -0.0. The order of dict entries does not matter, that of list items does. Subclasses of the
    JSON types count as their base (a tagged str is that str). Other objects, which only calls inside one
    process can hold, count by their own equality.

    :raises TypeError: A value is not hashable and so cannot be part of a key.
    """
    return (method, _dict_key(kwargs))


def _dict_key(value: Mapping[Any, Any]) -> frozenset[Any]:
    return frozenset((_key(name), _key(item)) for name, item in value.items())


def _key(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) <= _LONG:
            return ("s", str.__str__(value))
        return ("S", len(value), hashlib.sha256(value.encode("utf-8", "surrogatepass")).digest())
    if value is None or isinstance(value, bool):
        return ("c", repr(value))
    if isinstance(value, int):
        return ("i", int(value))
    if isinstance(value, float):
        # repr, because 0.0 == -0.0 and nan != nan.
        return ("f", float.__repr__(value))
    if isinstance(value, (bytes, bytearray, memoryview)):
        if len(value) <= _LONG:
            return ("b", bytes(value))
        return ("B", len(value), hashlib.sha256(value).digest())
    if isinstance(value, dict):
        return ("d", _dict_key(value))
    if isinstance(value, (list, tuple)):
        return ("t" if isinstance(value, tuple) else "l", tuple(map(_key, value)))
    if isinstance(value, (set, frozenset)):
        return ("e", frozenset(map(_key, value)))
    hash(value)
    return ("o", type(value), value)


def approximate_bytes(value: object) -> int:
    """
    Return roughly how much memory a value holds on to.

    Follows lists, tuples, sets, dicts and the attributes of instances; counts each object once. Objects with
    ``__slots__`` and extension types are counted without what they refer to.
    """
    seen: set[int] = set()
    stack = [value]
    total = 0
    while stack:
        item = stack.pop()
        if id(item) in seen or isinstance(item, type) or callable(item):
            continue
        seen.add(id(item))
        total += sys.getsizeof(item, 64)
        if isinstance(item, dict):
            stack.extend(item.keys())
            stack.extend(item.values())
        elif isinstance(item, (list, tuple, set, frozenset)):
            stack.extend(item)
        elif hasattr(item, "__dict__"):
            stack.append(vars(item))
    return total
