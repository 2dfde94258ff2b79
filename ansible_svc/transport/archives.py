# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pack what runs on managed hosts into archives, once for all hosts; see target/archive.py for their form.

There are two: what every agent needs, and what it needs in addition to become another user. Both are kept in the
controller's own cache directory, since making them takes a tenth of a second.
"""

from __future__ import annotations

import hashlib
import itertools
import json
import sys
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import mitogen

import ansible_svc
from ansible_svc import source
from ansible_svc.source import Source
from ansible_svc.store.kept_file import KeptFile, identity_of
from ansible_svc.target.become import FIRST_STAGE
from ansible_svc.transport import compact

_AGENT = ("mitogen.core",)
_BECOME = (
    "mitogen.parent",
    "mitogen.sudo",
    "ansible_svc.target.first_stage",  # booting.py imports it
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
# Of what first_stage.py imports, this is not used there.
_NOT_FIRST = ("write_private", "checked", "content")
_FIRST = ("ansible_svc.store.private", "ansible_svc.target.boot_file", "ansible_svc.target.first_stage")
_MADE_BY = (sys.modules[__name__], compact, source)


class Archive(NamedTuple):
    """Packed modules, named by the sha256 of the pack."""

    digest: str
    packed: bytes


class AgentCode(NamedTuple):
    """What makes an agent of an interpreter.

    Attributes:
        first_stage: the program that the boot command carries.
        archive: what it asks for.
    """

    first_stage: str
    archive: Archive


def agent_code(cache: str | None) -> AgentCode:
    """Return what agents are booted with, of the code that is installed here.

    Parameters:
        cache: directory in which to keep it for the next run, or None. When it cannot be used it is made anew.
    """
    members, first = {**_own_sources(), **_read(_AGENT)}, _read(_FIRST)

    def make() -> bytes:
        return _first_stage(first).encode() + b"\0" + _packed(_shortened(members))

    first_stage, _, packed = _kept(cache, "archive-agent", {**members, **first}, make).partition(b"\0")
    return AgentCode(first_stage.decode(), _named(packed))


def become_archive(cache: str | None) -> Archive:
    """Return what agents need besides to become another user; see ``agent_code``."""
    members, first = _read(_BECOME), _read(_FIRST)

    def make() -> bytes:
        return _packed({**_shortened(members), FIRST_STAGE: _first_stage(first)})

    return _named(_kept(cache, "archive-become", {**members, **first}, make))


def _own_sources() -> dict[str, str]:
    """Return module name -> source of ours that every agent has."""
    root = _folder("ansible_svc")
    files = [root / "__init__.py", root / "errors.py", root / "names.py"]
    for package in _PACKAGES:
        files += sorted((root / package).glob("*.py"))
    found = {}
    for file in files:
        stem = file.parent if file.name == "__init__.py" else file.with_suffix("")
        found[".".join(("ansible_svc", *stem.relative_to(root).parts))] = file.read_text(encoding="utf-8")
    return {name: text for name, text in found.items() if name not in (*_BECOME, *_NOT_ON_HOSTS)}


def _read(names: Iterable[str]) -> dict[str, str]:
    """Return name -> source of modules that are no packages."""
    found = {}
    for name in names:
        package, *parts = name.split(".")
        found[name] = _folder(package).joinpath(*parts).with_suffix(".py").read_text(encoding="utf-8")
    return found


def _folder(package: str) -> Path:
    return Path(str({"ansible_svc": ansible_svc, "mitogen": mitogen}[package].__file__)).parent


def _kept(cache: str | None, kind: str, sources: dict[str, str], make: Callable[[], bytes]) -> bytes:
    """Return what is made of sources, from an earlier run when that has kept it."""
    file = KeptFile(cache, kind, identity_of(json.dumps(sources, sort_keys=True).encode(), _MADE_BY))
    content = file.read()
    if content is None:
        content = make()
        file.write(content)
    return content


def _shortened(sources: dict[str, str]) -> dict[str, str]:
    return {name: _short(name, text) for name, text in sources.items()}


def _short(name: str, text: str) -> str:
    if name == "mitogen.core":
        return compact.of_mitogen(text, NOT_OF_CORE)
    return compact.of_mitogen(text) if name.startswith("mitogen.") else compact.of_our_own(text)


def _packed(sources: dict[str, str]) -> bytes:
    packages = {name.rpartition(".")[0] for name in sources}
    members = [(name, "1" if name in packages else "", text) for name, text in sources.items()]
    return zlib.compress("\0".join(itertools.chain(*members)).encode(), 7)  # 9: 7 ms more for 111 bytes less


def _named(packed: bytes) -> Archive:
    return Archive(hashlib.sha256(packed).hexdigest(), packed)


def _first_stage(sources: dict[str, str]) -> str:
    """Return some modules as one text that imports nothing of ours."""
    text = ["from __future__ import annotations"]
    for short in map(Source, _shortened(sources).values()):
        lines = short.without(short.definitions(_NOT_FIRST)).split("\n")
        text += (line for line in lines if line and not line.startswith(("from __future__", "from ansible_svc")))
    return "\n".join(text)
