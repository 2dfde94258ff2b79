# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy values of playbooks as the copy module does, tags included, at a small part of its price.

ansible-core's tagged collections copy themselves by way of everything that could be tagged, and its tagged scalars,
which nobody can change, are taken apart and put together again (2.19 to 2.21).
"""

from __future__ import annotations

import copy
from typing import Any

from ansible.module_utils._internal._datatag import (
    _AnsibleTaggedBytes,
    _AnsibleTaggedDate,
    _AnsibleTaggedDateTime,
    _AnsibleTaggedDict,
    _AnsibleTaggedFloat,
    _AnsibleTaggedInt,
    _AnsibleTaggedList,
    _AnsibleTaggedStr,
    _AnsibleTaggedTime,
)

#: Tagged values that nobody can change: neither what they are nor their tags.
TAGGED_SCALARS: frozenset[Any] = frozenset(
    (
        _AnsibleTaggedBytes,
        _AnsibleTaggedDate,
        _AnsibleTaggedDateTime,
        _AnsibleTaggedFloat,
        _AnsibleTaggedInt,
        _AnsibleTaggedStr,
        _AnsibleTaggedTime,
    )
)
_COLLECTIONS = frozenset({_AnsibleTaggedDict, _AnsibleTaggedList})


def shallow_copy(value: Any) -> Any:
    """Return what copy.copy returns."""
    kind = value.__class__
    if kind is list or kind is dict:
        return value.copy()
    if kind in _COLLECTIONS:
        return kind._instance_factory(value, value._ansible_tags_mapping)
    return copy.copy(value)


def share_scalars() -> None:
    """Have copy.deepcopy return tagged scalars as they are, as it does untagged ones."""
    for kind in TAGGED_SCALARS:
        kind.__deepcopy__ = _itself


def _itself(value: Any, _memo: dict[int, Any]) -> Any:
    return value
