# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pack what runs on managed hosts into archives, once for all hosts; see target/archive.py for their form.

There are two: what every agent needs, and what it needs in addition to become another user.
"""

from __future__ import annotations

import ast
import hashlib
import itertools
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import mitogen.core

import ansible_svc
from ansible_svc.store.kept_file import KeptFile
from ansible_svc.target.become import FIRST_STAGE
from ansible_svc.transport.compact import with_narrow_indents, without_comments, without_definitions, without_types

_BECOME = (
    "mitogen.parent",
    "mitogen.sudo",
    "ansible_svc.target.first_stage",
    "ansible_svc.target.booting",
    "ansible_svc.target.become",
)
#: What first_stage.py replaces of mitogen.core, and what nothing else has a use for then. A name that another release
#: of mitogen lacks is not missed.
NOT_OF_CORE = frozenset(
    (
        "Importer",
        "ImportPolicy",
        "ModuleDeniedByBlocksError",
        "ModuleDeniedByOverridesError",
        "ModuleUnsuitableError",
        "ResourceReader",
        "ResourceRequester",
        "ExternalContext._reap_first_stage",
        "ExternalContext._setup_importer",
        "ExternalContext._setup_resource_requester",
        "ExternalContext.detach",
    )
)
_NOT_ON_HOSTS = ("ansible_svc.service.testing", "ansible_svc.store.kept_file")
_PACKAGES = ("service", "store", "target")
#: Kept in the controller's own cache directory, since making them takes some tenths of a second.
_KIND = "archives"
# Of what first_stage.py imports, this is not used there.
_NOT_FIRST = ("write_private", "checked", "content")
_FIRST = ("ansible_svc.store.private", "ansible_svc.target.boot_file", "ansible_svc.target.first_stage")


@dataclass(frozen=True)
class Archive:
    """Packed modules, named by the sha256 of the pack."""

    digest: str
    packed: bytes


@dataclass(frozen=True)
class Archives:
    """All that goes to hosts.

    Attributes:
        first_stage: the program that the boot command carries.
        agent, become: the two archives.
    """

    first_stage: str
    agent: Archive
    become: Archive


def archives(cache: str | None) -> Archives:
    """Return the archives of the code that is installed here.

    Parameters:
        cache: directory in which to keep them for the next run, or None. When it cannot be used they are made anew.
    """
    sources = _sources()
    identity = hashlib.sha256(json.dumps(sources, sort_keys=True).encode()).hexdigest()
    file = KeptFile(cache, _KIND, identity)
    content = file.read()
    if content is not None:
        return _decode(content)
    made = _make(sources)
    file.write(_encode(made))
    return made


def _sources() -> dict[str, str]:
    """Return module name -> source."""
    root = Path(ansible_svc.__path__[0])
    files = [root / "__init__.py", root / "errors.py", root / "names.py"]
    for package in _PACKAGES:
        files += sorted((root / package).glob("*.py"))
    found = {}
    for file in files:
        stem = file.parent if file.name == "__init__.py" else file.with_suffix("")
        found[".".join(("ansible_svc", *stem.relative_to(root).parts))] = file.read_text(encoding="utf-8")
    for name in ("core", "parent", "sudo"):
        file = Path(str(mitogen.core.__file__)).with_name(f"{name}.py")
        found[f"mitogen.{name}"] = file.read_text(encoding="utf-8")
    return {name: source for name, source in found.items() if name not in _NOT_ON_HOSTS}


def _make(sources: dict[str, str]) -> Archives:
    short = {name: _shortened(name, source) for name, source in sources.items()}
    packages = {name.rpartition(".")[0] for name in short}
    first_stage = _first_stage(short)
    agent = _pack(short, packages, (name for name in short if name not in _BECOME))
    become = _pack({**short, FIRST_STAGE: first_stage}, packages, (*_BECOME, FIRST_STAGE))
    return Archives(first_stage, agent, become)


def _shortened(name: str, source: str) -> str:
    source = without_comments(source)
    if name == "mitogen.core":
        source = without_definitions(source, NOT_OF_CORE)
    return with_narrow_indents(source) if name.startswith("mitogen.") else without_types(source)


def _pack(sources: dict[str, str], packages: set[str], names: Iterable[str]) -> Archive:
    members = [(name, "1" if name in packages else "", sources[name]) for name in names]
    packed = zlib.compress("\0".join(itertools.chain(*members)).encode(), 9)
    return Archive(hashlib.sha256(packed).hexdigest(), packed)


def _first_stage(sources: dict[str, str]) -> str:
    """Return two modules as one text that imports nothing of ours."""
    text = ["from __future__ import annotations"]
    for name in _FIRST:
        lines = sources[name].split("\n")
        for node in ast.parse(sources[name]).body:
            if isinstance(node, ast.FunctionDef) and node.name in _NOT_FIRST:
                lines[node.lineno - 1 : node.end_lineno] = [""] * ((node.end_lineno or 0) - node.lineno + 1)
        text += (line for line in lines if line and not line.startswith(("from __future__", "from ansible_svc")))
    return "\n".join(text)


def _decode(content: bytes) -> Archives:
    head, _newline, packs = content.partition(b"\n")
    about = json.loads(head)
    length = about["agent"]
    return Archives(about["first_stage"], _named(packs[:length]), _named(packs[length:]))


def _named(packed: bytes) -> Archive:
    return Archive(hashlib.sha256(packed).hexdigest(), packed)


def _encode(made: Archives) -> bytes:
    head = json.dumps({"first_stage": made.first_stage, "agent": len(made.agent.packed)}).encode()
    return head + b"\n" + made.agent.packed + made.become.packed
