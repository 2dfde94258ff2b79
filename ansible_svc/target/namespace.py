# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out whether a module of Python is as it was: its names, and what these stand for."""

from __future__ import annotations

import functools
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_CONTAINERS = (list, dict, set, bytearray)
_REMEMBERS = type(functools.lru_cache(maxsize=1)(len))
_MISSING = object()


class Namespace:
    """What one module of Python consisted of.

    Parameters:
        module: it.
        deeply: look also into its containers, classes and objects; for code of bundles.
    """

    def __init__(self, module: ModuleType, deeply: bool) -> None:
        self.module = module
        self._names = dict(vars(module))
        self._inner: list[tuple[str, Any, Any]] = []
        self._caches: list[Any] = []
        if deeply:
            for name, value in self._names.items():
                if not name.startswith("__"):
                    self._look_into(name, value)

    def _look_into(self, name: str, value: Any) -> None:
        if isinstance(value, _CONTAINERS):
            self._inner.append((name, value, value.copy()))
        elif isinstance(value, type):
            if value.__module__ == self.module.__name__:
                attributes = vars(value)
                self._inner.append((name, attributes, attributes.copy()))
                for inner, content in attributes.items():
                    if isinstance(content, _CONTAINERS) and inner not in ("__dict__", "__annotations__"):
                        self._look_into(name + "." + inner, content)
        elif isinstance(value, _REMEMBERS):
            self._caches.append(value)
        elif not callable(value) and not isinstance(value, ModuleType):
            state = getattr(value, "__dict__", None)
            if type(state) is dict:
                self._inner.append((name, state, state.copy()))

    @property
    def remembers(self) -> bool:
        """Tell whether there are functions that remember what they have returned."""
        return bool(self._caches)

    def restore(self, names: tuple[str, ...]) -> None:
        """Put names of the module back, and empty what functions remember of their arguments."""
        for name in names:
            if name in self._names:
                setattr(self.module, name, self._names[name])
        for function in self._caches:
            function.cache_clear()

    def forget(self, name: str) -> None:
        """Take a name out of the module."""
        self._names.pop(name, None)
        vars(self.module).pop(name, None)

    def changes(self) -> list[str]:
        """Return the names that are not what they were."""
        now = vars(self.module)
        found = []
        # what is identical is equal without being compared, so this is as fast as it looks
        if now != self._names:
            names = now.keys() | self._names.keys()
            differ = (name for name in names if now.get(name, _MISSING) is not self._names.get(name, _MISSING))
            found = [name for name in differ if not self._is_submodule(name)]
        found += [name for name, value, before in self._inner if value != before]
        return ["%s.%s" % (self.module.__name__, name) for name in found]

    def _is_submodule(self, name: str) -> bool:
        """Tell whether a name was added because a submodule was imported; if so, note that."""
        value = vars(self.module).get(name)
        if name in self._names or not isinstance(value, ModuleType):
            return False
        if sys.modules.get(self.module.__name__ + "." + name) is not value:
            return False
        self._names[name] = value
        return True
