# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A base for classes that are laid over ansible-core's.

ansible-core has no types. To a type checker a class with this base has every attribute; at run time it is object.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    Mixin = Any
else:
    Mixin = object
