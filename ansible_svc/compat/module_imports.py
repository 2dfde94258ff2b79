# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out once what a file of ``module_utils`` imports.

A module's payload has more than fifty files, and ansible-core parses and walks all of them for each module that it
builds, although most are the same for all modules. What comes of it is determined by the file's content, its name and
whether it is a package: with these as the key it is remembered, in this process and, by whoever asks for ``tell``,
beyond. Of files that ansible-core ships only the imports are parsed the first time: that the rest is Python is known.
Where files are and which of them a payload needs stays ansible-core's own work each time.

Uses of ``ansible.executor.module_common``: ``ModuleDepFinder``, made of a tree (2.19, 2.20) or of source (2.21), of
which ``submodules``, ``optional_imports`` and ``embeds`` (2.21) are read; ``_compile_module_ast`` and
``recursive_finder``.
"""

from __future__ import annotations

import functools
import hashlib
import inspect
from typing import Any, NamedTuple

from ansible.executor import module_common

from ansible_svc.compat.module_search import names_for_one_build
from ansible_svc.compat.other_names import with_names
from ansible_svc.compat.shipped import is_shipped_file
from ansible_svc.source import Source

# A file that has this may have to be read whole: its assignments matter, too (2.21).
_EMBEDS = b"embed"


class Imports(NamedTuple):
    """What ansible-core's finder says of a file; the attributes are named as there."""

    submodules: frozenset[tuple[str, ...]]
    optional_imports: frozenset[tuple[str, ...]]
    embeds: frozenset[Any] = frozenset()


class _Unparsed:
    """Stands for a file's tree, and parses it when somebody looks."""

    def __init__(self, name: str, source: str | bytes) -> None:
        self.name = name
        self.source = source

    def __getattr__(self, name: str) -> Any:
        return getattr(_compile(self.name, self.source), name)


class ImportMemory:
    """What files import, by what determines it.

    Threads: those that build modules, one at a time (compat.module_build.build_one_at_a_time).
    """

    def __init__(self) -> None:
        self._known: dict[str, Imports] = {}
        self._told: dict[str, list[list[list[str]]]] = {}

    def learn(self, told: dict[str, list[list[list[str]]]]) -> None:
        """Take in what another process has told of the same ansible-core."""
        for key, (submodules, optional) in told.items():
            self._known[key] = Imports(frozenset(map(tuple, submodules)), frozenset(map(tuple, optional)))

    def tell(self) -> dict[str, list[list[list[str]]]]:
        """Return what was asked for in this process, as plain values: key -> imports, and those that are optional."""
        return dict(self._told)

    def find(self, name: str, source: str | bytes, is_package: bool) -> Imports:
        """Return what a file imports. Raises AnsibleError when it is no Python."""
        content = source.encode() if isinstance(source, str) else source
        digest = hashlib.sha256(content).hexdigest()
        key = f"{name}{'/' if is_package else ''} {digest}"
        found = self._known.get(key)
        if found is None:
            path = name.replace(".", "/") + ("/__init__.py" if is_package else ".py")
            if is_shipped_file(path, digest):
                source = _what_matters(content)
            made = _find(name, _compile(name, source) if _TAKES_TREES else source, is_package)
            found = Imports(
                frozenset(made.submodules), frozenset(made.optional_imports), frozenset(getattr(made, "embeds", ()))
            )
            self._known[key] = found
        if not found.embeds:
            self._told[key] = [sorted(map(list, found.submodules)), sorted(map(list, found.optional_imports))]
        return found


def _what_matters(content: bytes) -> bytes:
    """Return a source in which ansible-core finds the same as in this one."""
    if _EMBEDS in content:
        return content
    imports = Source(content.decode()).imports()
    return content if imports is None else imports.encode()


_memory: ImportMemory | None = None
_find: Any = module_common.ModuleDepFinder
_compile: Any = module_common._compile_module_ast
_TAKES_TREES = "tree" in inspect.signature(module_common.ModuleDepFinder).parameters


def remember_imports() -> ImportMemory:
    """Have ansible-core ask the memory, which is returned; a second call changes nothing.

    Only ``recursive_finder`` does: a function with its code that finds other things under two names. The finder itself
    needs its own name to be its class.
    """
    global _memory
    if _memory is None:
        _memory = ImportMemory()
        stock = module_common.recursive_finder
        names = _Replaced(_memory).names()

        @functools.wraps(stock)
        def recursive_finder(*args: Any, **kwargs: Any) -> Any:
            return with_names(stock, **names, **names_for_one_build())(*args, **kwargs)

        module_common.recursive_finder = recursive_finder
    return _memory


class _Replaced:
    """What ``recursive_finder`` finds in the place of ansible-core's finder and compiler."""

    def __init__(self, memory: ImportMemory) -> None:
        self._memory = memory

    def names(self) -> dict[str, Any]:
        """Return name -> function."""
        names: dict[str, Any] = {"ModuleDepFinder": self.find}
        if _TAKES_TREES:
            names["_compile_module_ast"] = self.compile_later
        return names

    def find(self, module_fqn: str, code: Any, is_pkg_init: bool = False) -> Any:
        """Answer for the class."""
        if isinstance(code, _Unparsed):
            return self._memory.find(code.name, code.source, is_pkg_init)
        if not _TAKES_TREES and _is_of_module_utils(module_fqn):
            return self._memory.find(module_fqn, code, is_pkg_init)
        return _find(module_fqn, code, is_pkg_init)

    def compile_later(self, module_name: str, source_code: str | bytes) -> Any:
        """Return a tree that is not made unless somebody looks into it."""
        return (_Unparsed if _is_of_module_utils(module_name) else _compile)(module_name, source_code)


def _is_of_module_utils(name: str) -> bool:
    return name.startswith("ansible.module_utils.") or (
        name.startswith("ansible_collections.") and ".plugins.module_utils." in name
    )
