# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a function of ansible-core's with something else under a few of the names that it looks up."""

from __future__ import annotations

import types
from typing import Any


def with_names(function: Any, **names: Any) -> Any:
    """Return a function with the same code, for which some names of its module stand for something else.

    Raises RuntimeError when the module does not have one of them.
    """
    unknown = names.keys() - function.__globals__.keys()
    if unknown:
        raise RuntimeError(f"{function.__qualname__} of this ansible-core does not know {', '.join(sorted(unknown))}")
    copy = types.FunctionType(
        function.__code__,
        function.__globals__ | names,
        function.__name__,
        function.__defaults__,
        function.__closure__,
    )
    copy.__kwdefaults__ = function.__kwdefaults__
    return copy
