# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have ansible-core look for each file of a payload once while it builds a module.

Files of ``module_utils`` import each other many times over: for a payload of 56 files ``recursive_finder`` looks for
nearly 400 names, half of them names of functions that might have been files, and it sorts all that are left to look for
before each. Both are a third of what a build takes. Nothing is remembered from one build to the next: there may be
other files then.

Uses of ``ansible.executor.module_common`` (2.19 to 2.21): ``LegacyModuleUtilLocator._find_module``, which sets
``_info``, ``is_package`` and ``source_code``; ``_ModuleUtilsProcessEntry``, a dataclass in the order of its fields.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from ansible.executor import module_common

_Stock: Any = module_common.LegacyModuleUtilLocator


def names_for_one_build() -> dict[str, Any]:
    """Return what ``recursive_finder`` may find under some names, name -> class, while it builds one module."""
    return {"LegacyModuleUtilLocator": _locator(), "_ModuleUtilsProcessEntry": Entry}


def _locator() -> Any:
    """Return a class that reads every file once."""
    known: dict[Any, Any] = {}

    class Locator(_Stock):
        _info: Any
        is_package: bool
        source_code: Any

        def _find_module(self, name_parts: tuple[str, ...]) -> bool:
            if name_parts not in known:
                there = super()._find_module(name_parts)
                known[name_parts] = there and (self._info, self.is_package, self.source_code)
            if not known[name_parts]:
                return False
            self._info, self.is_package, self.source_code = known[name_parts]
            return True

    return Locator


class Entry(NamedTuple):
    """What is left to look for. The fields are ansible-core's, but tuples are compared without running Python code."""

    name_parts: tuple[str, ...]
    is_ambiguous: bool = False
    child_is_redirected: bool = False
    is_optional: bool = False

    @classmethod
    def from_module(cls, module: Any, append: str | None = None) -> Entry:
        """Return the entry of a module, or of one in it."""
        return cls.from_module_name(f"{module.__name__}.{append}" if append else module.__name__)

    @classmethod
    def from_module_name(cls, module_name: str) -> Entry:
        """Return the entry of a module by its dotted name."""
        return cls(tuple(module_name.split(".")))
