# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Importing from archives, and keeping them for the next agent."""

from __future__ import annotations

import hashlib
import os
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from ansible_svc.target import boot_file
from ansible_svc.target.archive import ArchiveImporter, install
from ansible_svc.target.cache import Cache
from ansible_svc.target.own_code import OwnCode

MEMBERS = [
    ["ansible_svc.sample", True, "WHERE = __name__"],
    ["ansible_svc.sample.inner", False, "from ansible_svc.sample import WHERE\nNAME = __name__\n"],
    ["elsewhere", False, "raise RuntimeError"],
]
PACKED = zlib.compress(
    "\0".join(f"{name}\0{'1' if package else ''}\0{source}" for name, package, source in MEMBERS).encode()
)
DIGEST = hashlib.sha256(PACKED).hexdigest()


@pytest.fixture(autouse=True)
def own_imports(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    yield
    for name in [name for name in sys.modules if name.startswith("ansible_svc.sample")]:
        del sys.modules[name]


def test_modules_and_packages_are_imported() -> None:
    importer = install(DIGEST, PACKED, {})
    import ansible_svc.sample.inner as inner  # type: ignore[import-not-found]

    assert (inner.NAME, inner.WHERE) == ("ansible_svc.sample.inner", "ansible_svc.sample")
    assert importer.get_source("ansible_svc.sample.inner") == MEMBERS[1][2]
    assert sorted(importer.names()) == ["ansible_svc.sample", "ansible_svc.sample.inner", "elsewhere"]


def test_only_our_own_names_are_served() -> None:
    importer = install(DIGEST, PACKED, {})
    assert importer.find_spec("elsewhere") is None
    assert importer.find_spec("ansible_svc.absent") is None
    with pytest.raises(ImportError, match="absent"):
        importer.get_source("ansible_svc.absent")


def test_compiled_code_is_used_without_unpacking() -> None:
    install(DIGEST, b"not even an archive", {"ansible_svc.sample": (False, compile("WHERE = 'kept'", "x", "exec"))})
    import ansible_svc.sample as sample

    assert sample.WHERE == "kept"


class Kept:
    """Hold a cache directory with one archive in it."""

    def __init__(self, folder: Path) -> None:
        importer = ArchiveImporter(DIGEST, PACKED, {})
        for name in importer.names():
            importer.code_of(name)
        self.directory = str(folder / "cache")
        cache = Cache(self.directory, 1 << 20, lambda text: None)
        OwnCode(cache, importer, found=False).keep()
        [self.path] = [Path(self.directory, name) for name in os.listdir(self.directory)]


@pytest.fixture
def kept(tmp_path: Path) -> Kept:
    return Kept(tmp_path)


def test_the_next_agent_finds_it(kept: Kept) -> None:
    found = boot_file.read(kept.directory, DIGEST)
    assert found is not None
    packed, codes = found
    assert packed == PACKED
    assert {name: package for name, (package, _code) in codes.items()} == {name: p for name, p, _source in MEMBERS}


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied", "a link", "open to others"])
def test_a_damaged_one_is_not_used(kept: Kept, damage: str) -> None:
    content = kept.path.read_bytes()
    if damage == "cut":
        kept.path.write_bytes(content[:-1])
    elif damage == "changed":
        kept.path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "emptied":
        kept.path.write_bytes(b"")
    elif damage == "a link":
        moved = kept.path.rename(kept.path.with_name("moved"))
        kept.path.symlink_to(moved)
    else:
        Path(kept.directory).chmod(0o777)
    assert boot_file.read(kept.directory, DIGEST) is None


def test_another_archive_another_release_and_no_directory(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    assert boot_file.read(kept.directory, "0" * 64) is None
    assert boot_file.read(None, DIGEST) is None
    assert boot_file.read("/no/such/directory", DIGEST) is None
    monkeypatch.setattr(sys, "hexversion", sys.hexversion + 1)
    assert boot_file.read(kept.directory, DIGEST) is None
