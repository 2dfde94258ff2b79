# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What building modules has found out is there in the next run."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

import ansible.module_utils.basic
import pytest

from ansible_svc.compat.module_imports import ImportMemory
from ansible_svc.services import build_memory
from ansible_svc.services.build_memory import BuildMemory
from ansible_svc.transport import compact

PATH = "ansible/module_utils/basic.py"
CONTENT = Path(str(ansible.module_utils.basic.__file__)).read_bytes()
SHORT = compact.of_core(CONTENT.decode())
DIGEST = hashlib.sha256(CONTENT).hexdigest()
SOURCE = b"from ansible.module_utils import basic\n"


@pytest.fixture(autouse=True)
def _new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_memory, "remember_imports", ImportMemory)


def run(folder: Path) -> BuildMemory:
    """Find out what one run does, and leave it for the next."""
    memory = BuildMemory()
    memory.load(str(folder))
    memory._imports.find("ansible.module_utils.one", SOURCE, False)
    assert memory.shortened(PATH, DIGEST, CONTENT).decode() == SHORT
    memory.save()
    return memory


def test_what_is_no_python_stays_as_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build_memory, "is_shipped_file", lambda relative, digest: True)
    content = b"# a comment, maybe\nor 'not\n"
    assert BuildMemory().shortened("ansible/module_utils/data.txt", DIGEST, content) == content


def kept(folder: Path) -> Path:
    [path] = (folder / str(os.geteuid())).iterdir()
    return path


def test_the_next_run_finds_out_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    before = kept(tmp_path).stat()
    monkeypatch.setattr(compact, "of_core", lambda source: pytest.fail("shortened again"))
    monkeypatch.setattr("ansible_svc.compat.module_imports._find", lambda *args: pytest.fail("looked again"))
    run(tmp_path)
    assert kept(tmp_path).stat().st_ino == before.st_ino, "written again"


def test_a_later_run_adds_what_it_has_found(tmp_path: Path) -> None:
    run(tmp_path)
    memory = BuildMemory()
    memory.load(str(tmp_path))
    memory._imports.find("ansible.module_utils.two", SOURCE, False)
    memory.save()
    memory = BuildMemory()
    memory.load(str(tmp_path))
    assert {key.split()[0] for key in memory._kept["imports"]} == {
        "ansible.module_utils.one",
        "ansible.module_utils.two",
    }
    assert len(memory._kept["short"]) == 1


def test_when_it_is_too_much_only_what_was_needed_last_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    monkeypatch.setattr(build_memory, "_KEPT_BYTES", 1000)
    memory = BuildMemory()
    memory.load(str(tmp_path))
    memory._imports.find("ansible.module_utils.two", SOURCE, False)
    memory.save()
    content = json.loads(kept(tmp_path).read_bytes()[32:])
    assert [key.split()[0] for key in content["imports"]] == ["ansible.module_utils.two"]
    assert content["short"] == {}


def test_other_code_finds_out_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(tmp_path)
    first = kept(tmp_path)
    monkeypatch.setattr(build_memory, "__version__", "9.9.9")
    memory = run(tmp_path)
    assert not any(memory._kept.values())
    assert kept(tmp_path) != first


def test_a_broken_file_is_none(tmp_path: Path) -> None:
    run(tmp_path)
    kept(tmp_path).write_bytes(kept(tmp_path).read_bytes()[:-5])
    memory = run(tmp_path)
    assert not any(memory._kept.values())


def test_without_a_cache_directory_nothing_is_kept(tmp_path: Path) -> None:
    memory = BuildMemory()
    memory.load(None)
    assert memory.shortened("ansible/modules/own.py", DIGEST, CONTENT) == CONTENT, "that is nobody's file of that name"
    memory.save()
