# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read the integration targets of an unpacked ansible-core and what they ask for.

The rules are ansible-test's (test/lib/ansible_test/_internal/target.py of the sdist): what an `aliases` file means,
whether a target runs on the controller or on the managed host, which other targets it needs beside it. Pure reading;
whether a target applies here is decided in selection.py.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

_COMMENT = re.compile(r"\s*#.*$")


class Context(Enum):
    """Say on which side of the connection the content under test runs."""

    CONTROLLER = "controller"
    TARGET = "target"


@dataclass(frozen=True)
class Target:
    """Describe one integration target.

    aliases are the lines of its `aliases` file; kind is "script" (runme.sh) or "role".
    """

    name: str
    kind: str
    aliases: tuple[str, ...]
    context: Context

    @property
    def hidden(self) -> bool:
        """Tell whether the target only serves others (roles named setup_* and prepare_*, or alias `hidden`)."""
        return self.name.startswith(("setup_", "prepare_")) or self.has("hidden")

    @property
    def setup(self) -> tuple[str, ...]:
        """Return the targets to be run before this one, in ansible-test's order."""
        return (*self._values("setup/once/"), *self._values("setup/always/"))

    @property
    def needed_targets(self) -> tuple[str, ...]:
        """Return the targets whose files must lie beside this one."""
        return self._values("needs/target/")

    @property
    def needed_files(self) -> tuple[str, ...]:
        """Return the files of the source tree that must be in the working tree, by relative path."""
        return self._values("needs/file/")

    @property
    def environment(self) -> dict[str, str]:
        """Return the variables that `env/set/KEY/VALUE` aliases ask for."""
        found = (re.fullmatch(r"env/set/([^/]+)/(.*)", alias) for alias in self.aliases)
        return {match[1]: match[2] for match in found if match}

    @property
    def gather_facts(self) -> bool:
        """Tell whether the generated play of a role target gathers facts."""
        return self.has("gather_facts/yes") or not self.has("gather_facts/no")

    def has(self, alias: str) -> bool:
        """Tell whether an alias is given, itself or as the start of a longer one (`needs` is in `needs/root`)."""
        return any(own == alias or own.startswith(alias.rstrip("/") + "/") for own in self.aliases)

    def _values(self, prefix: str) -> tuple[str, ...]:
        return tuple(sorted({alias[len(prefix) :] for alias in self.aliases if alias.startswith(prefix)}))


def parse_aliases(text: str) -> tuple[str, ...]:
    """Return the aliases in the text of an `aliases` file: one a line, comments and blank lines left out."""
    lines = (_COMMENT.sub("", line).strip() for line in text.splitlines())
    return tuple(line for line in lines if line)


def categorise(name: str, aliases: Iterable[str], plugins: Mapping[str, frozenset[str]]) -> Context:
    """Decide where a target runs: by its context alias, else by the kind of plugin that it is named after.

    plugins maps a plugin type ("modules", "lookup", ...) to the names there are. Without any hint: controller.
    """
    aliases = tuple(aliases)
    for context in Context:
        if f"context/{context.value}" in aliases:
            return context
    for word in (name, *aliases):
        parts = word.split("_")
        candidates = [("modules", word)]
        candidates += [("_".join(parts[:n]), "_".join(parts[n:])) for n in (1, 2) if len(parts) > n]
        for kind, plugin in candidates:
            if plugin in plugins.get(kind, ()):
                return Context.TARGET if kind in ("modules", "module_utils") else Context.CONTROLLER
    return Context.CONTROLLER


def read_plugins(library: Path) -> dict[str, frozenset[str]]:
    """Return the names of ansible-core's plugins by type, from its `lib/ansible` directory."""
    folders = {"modules": library / "modules", "module_utils": library / "module_utils"}
    folders |= {path.name: path for path in (library / "plugins").iterdir() if path.is_dir()}
    return {
        kind: frozenset(
            ".".join(path.relative_to(folder).with_suffix("").parts)
            for path in folder.rglob("*")
            if path.suffix in {".py", ".ps1", ".psm1"} and path.stem != "__init__"
        )
        for kind, folder in folders.items()
    }


def read_targets(source: Path) -> dict[str, Target]:
    """Return the integration targets of the source tree `source` by name, in order of names."""
    plugins = read_plugins(source / "lib/ansible")
    targets = {}
    for path in sorted((source / "test/integration/targets").iterdir()):
        if not path.is_dir():
            continue
        aliases_file = path / "aliases"
        aliases = parse_aliases(aliases_file.read_text("utf-8")) if aliases_file.is_file() else ()
        kind = "script" if (path / "runme.sh").is_file() else "role"
        targets[path.name] = Target(path.name, kind, aliases, categorise(path.name, aliases, plugins))
    return targets


def read_dependencies(folder: Path, targets: Mapping[str, Target]) -> dict[str, frozenset[str]]:
    """Return for each target the targets that must be copied with it: asked for, linked to, named in meta, all the way.

    folder is the directory that holds the targets. Raises KeyError for an alias that names no target.
    """
    direct: dict[str, set[str]] = defaultdict(set)
    hidden_roles = [target.name for target in targets.values() if target.hidden and target.kind == "role"]
    for target in targets.values():
        wanted = {*target.setup, *target.needed_targets}
        wanted |= _linked(folder, target.name) | _named_in_meta(folder / target.name / "meta", hidden_roles)
        direct[target.name] = {targets[name].name for name in wanted if name != target.name}
    return {name: frozenset(_closure(name, direct)) for name in targets}


def _closure(start: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [start]
    while waiting:
        for name in direct[waiting.pop()] - found:
            found.add(name)
            waiting.append(name)
    return found - {start}


def _linked(folder: Path, name: str) -> set[str]:
    """Return the other targets that symbolic links in a target lead to."""
    found: set[str] = set()
    real = folder.resolve()
    for directory, subdirectories, files in os.walk(folder / name):
        for entry in (*subdirectories, *files):
            path = Path(directory, entry)
            if path.is_symlink() and path.resolve().is_relative_to(real):
                parts = path.resolve().relative_to(real).parts
                found.update(parts[:1])
    return found


def _named_in_meta(meta: Path, roles: Iterable[str]) -> set[str]:
    """Return the roles that a line of a file in `meta` mentions (a plain text search, as ansible-test does it)."""
    if not meta.is_dir():
        return set()
    lines = []
    for path in (path for path in meta.rglob("*") if path.is_file()):
        lines += path.read_bytes().decode("utf-8", "replace").splitlines()
    text = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
    return {role for role in roles if role in text}
