# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module was built of is what it would be built of again, or it is not known."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import ansible
import pytest
from ansible import constants as C
from ansible.plugins.loader import module_utils_loader

from ansible_svc.compat import known_builds
from ansible_svc.compat.known_builds import KnownBuilds
from ansible_svc.compat.module_build import AnsiballZ, build
from tests.unit.ansible_setup import set_up

MODULES = Path(str(ansible.__file__)).parent / "modules"
COMMAND = str(MODULES / "command.py")


@pytest.fixture(autouse=True)
def _ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path / "built"))


def built(name: str, path: str = "") -> AnsiballZ:
    made = build(name, path or str(MODULES / f"{name}.py"))
    assert made is not None
    return made


def known(name: str, path: str = "", parts: AnsiballZ | None = None) -> KnownBuilds:
    """Return what the next process knows after one has built a module."""
    first, second = KnownBuilds(), KnownBuilds()
    parts = parts or built(name, path)
    digests = [(relative, hashlib.sha256(content).hexdigest()) for relative, content in parts.files.items()]
    first.note(path or str(MODULES / f"{name}.py"), parts, digests)
    second.learn(json.loads(json.dumps(first.tell())))
    return second


@pytest.mark.parametrize("name", ["apt", "async_wrapper", "command", "copy", "dnf", "service", "setup", "uri"])
def test_a_module_is_found_as_it_was_built(name: str) -> None:
    memory = known(name)
    found = memory.find(str(MODULES / f"{name}.py"))
    assert found is not None
    assert found == built(name)
    assert list(found.files) == list(built(name).files), "in this order it travels"
    assert known(name).tell() == {}
    assert len(memory.tell()) == 1, "what was found is kept for the next run again"


def test_what_nobody_has_built_is_not_known() -> None:
    assert known("command").find(str(MODULES / "copy.py")) is None


@pytest.mark.parametrize("changed", ["ansible/modules/command.py", "ansible/module_utils/common/text/converters.py"])
@pytest.mark.parametrize("content", [b"# other\n", None])
def test_a_file_that_is_not_what_it_was(changed: str, content: bytes | None, monkeypatch: pytest.MonkeyPatch) -> None:
    memory, read = known("command"), known_builds._read
    assert memory.find(COMMAND) is not None
    monkeypatch.setattr(known_builds, "_read", lambda relative: content if relative == changed else read(relative))
    assert memory.find(COMMAND) is None


def test_a_file_that_is_gone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    memory = known("command")
    monkeypatch.setattr(known_builds, "_ROOT", tmp_path)
    assert memory.find(COMMAND) is None


def test_a_folder_that_may_have_something_in_the_place_of_a_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    memory, paths = known("command"), module_utils_loader._get_paths(subdirs=False)
    folder = tmp_path / "module_utils"
    monkeypatch.setattr(module_utils_loader, "_get_paths", lambda subdirs: [str(folder), *paths])
    assert memory.find(COMMAND) is not None, "it is not there yet"
    folder.mkdir()
    assert memory.find(COMMAND) is None
    built_meanwhile = known("command")
    folder.rmdir()
    assert built_meanwhile.find(COMMAND) is None
    assert memory.find(COMMAND) is not None


def test_somebody_who_wants_to_hear_of_every_file(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = known("command")
    monkeypatch.setattr(known_builds.display, "verbosity", 5)
    assert memory.find(COMMAND) is None


def test_a_module_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "command.py"
    path.write_bytes(Path(COMMAND).read_bytes())
    assert known("command", str(path)).find(str(path)) is None


@pytest.mark.parametrize("changed", ["ansible/modules/command.py", "ansible/module_utils/basic.py"])
def test_a_payload_with_something_that_is_not_ansible_cores(changed: str) -> None:
    parts = built("command")
    parts = parts._replace(files={**parts.files, changed: parts.files[changed] + b"# patched\n"})
    assert known("command", parts=parts).tell() == {}
    assert known("command", parts=parts).find(COMMAND) is None
