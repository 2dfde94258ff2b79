# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ansible-core builds a module, and its result is taken apart."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import ansible.modules
import pytest
from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.executor.interpreter_discovery import InterpreterDiscoveryRequiredError
from ansible.parsing.dataloader import DataLoader
from ansible.plugins import action
from ansible.plugins.loader import module_utils_loader
from ansible.template import Templar, trust_as_template

from ansible_svc.compat.module_build import (
    build,
    build_one_at_a_time,
    interpreter_line,
    open_files_limit,
    placeholder,
)
from ansible_svc.compat.plugin_loading import loading_lock
from tests.unit.ansible_setup import set_up

NEW = b"from ansible.module_utils.basic import AnsibleModule\n"


@pytest.fixture(autouse=True)
def _ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path / "built"))


def templar(variables: dict[str, Any] | None = None) -> Templar:
    return Templar(loader=DataLoader(), variables=variables or {})


def built(folder: Path, name: str, content: bytes) -> Any:
    path = folder / name
    path.write_bytes(content)
    return build(path.stem, str(path))


@pytest.mark.parametrize(
    "content",
    [
        NEW,
        b"#!/usr/bin/python\n" + NEW,
        b"from ansible.module_utils import basic\n",
        b"import ansible.module_utils.basic\n",
        b"# -*- coding: utf-8 -*-\n# \xc3\xa4\n" + NEW,
    ],
    ids=["plain", "with a shebang", "imports the package", "imports", "with a coding"],
)
def test_new_style(tmp_path: Path, content: bytes) -> None:
    parts = built(tmp_path, "sample.py", content)
    assert parts is not None
    assert parts.fqn.endswith(".sample")
    own = parts.fqn.replace(".", "/") + ".py"
    assert parts.files[own] == content
    assert {"ansible/__init__.py", "ansible/module_utils/__init__.py", "ansible/module_utils/basic.py"} <= set(
        parts.files
    )
    assert "ansible/module_utils/_internal/_ansiballz/_loader.py" in parts.files
    assert all(type(content) is bytes for content in parts.files.values())
    compile(parts.files["ansible/module_utils/basic.py"], "basic.py", "exec")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("old.py", b"#!/usr/bin/python\nprint('{}')\n"),
        ("wants.py", b"#!/usr/bin/python\n# WANT_JSON\nimport json, sys\n"),
        ("args.py", b"#!/usr/bin/python\nARGS = '<<INCLUDE_ANSIBLE_MODULE_JSON_ARGS>>'\n"),
        ("shell.sh", b"#!/bin/sh\necho '{}'\n"),
        ("perl.pl", b"#!/usr/bin/perl\n# WANT_JSON\n"),
        ("binary", b"\x7fELF\x02\x01\x01\x00\xff\xfe" + bytes(range(256))),
        ("power.ps1", b"#!powershell\n#Requires -Module Ansible.ModuleUtils.Legacy\n"),
        ("empty.py", b""),
    ],
)
def test_everything_else_is_left_to_ansible_core(tmp_path: Path, name: str, content: bytes) -> None:
    assert built(tmp_path, name, content) is None


def test_the_old_replacer(tmp_path: Path) -> None:
    """#<<INCLUDE_ANSIBLE_MODULE_COMMON>> is what new-style modules said before they imported."""
    parts = built(tmp_path, "old.py", b"#!/usr/bin/python\n#<<INCLUDE_ANSIBLE_MODULE_COMMON>>\nmain()\n")
    if parts is not None:
        assert "ansible/module_utils/basic.py" in parts.files


def test_a_module_that_ends_like_the_wrapper_is_still_taken_apart(tmp_path: Path) -> None:
    tricky = NEW + b'if __name__ == "__main__":\n    _ansiballz_main(\n        zip_data="no",\n    )\n'
    parts = built(tmp_path, "tricky.py", tricky)
    assert parts is not None
    assert tricky in parts.files.values()


def test_module_utils_next_to_the_playbook(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    utils = tmp_path / "module_utils"
    (utils / "deeper").mkdir(parents=True)
    (utils / "greeting.py").write_text("from ansible.module_utils.deeper.words import WORD\n")
    (utils / "deeper" / "__init__.py").write_text("")
    (utils / "deeper" / "words.py").write_text("WORD = 'hello'\n")
    monkeypatch.setattr(module_utils_loader, "_extra_dirs", [str(utils), *module_utils_loader._extra_dirs])
    monkeypatch.setattr(module_utils_loader, "_paths", None)
    parts = built(tmp_path, "greets.py", NEW + b"from ansible.module_utils.greeting import WORD\n")
    assert parts is not None
    assert parts.files["ansible/module_utils/greeting.py"] == (utils / "greeting.py").read_bytes()
    assert parts.files["ansible/module_utils/deeper/words.py"] == b"WORD = 'hello'\n"


def test_a_module_util_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="no_such_util"):
        built(tmp_path, "lacks.py", NEW + b"import ansible.module_utils.no_such_util\n")


def test_a_syntax_error(tmp_path: Path) -> None:
    with pytest.raises(AnsibleError, match="broken"):
        built(tmp_path, "broken.py", NEW + b"def (\n")


@pytest.mark.parametrize("name", ["command", "copy", "setup", "ping", "async_status", "dnf"])
def test_modules_of_ansible_core(name: str) -> None:
    path = Path(ansible.modules.__file__).parent / f"{name}.py"
    parts = build(name, str(path))
    assert parts is not None
    assert parts.fqn == f"ansible.modules.{name}"
    assert parts.files[f"ansible/modules/{name}.py"] == path.read_bytes()
    assert parts.shebang == ("/usr/bin/python",)


@pytest.mark.parametrize(
    ("line", "shebang"),
    [
        (b"#!/usr/bin/python\n", ("/usr/bin/python",)),
        (b"#!/usr/bin/python3 -E -s\n", ("/usr/bin/python3", "-E", "-s")),
        (b"#!/usr/bin/env python3\n", ("/usr/bin/env", "python3")),
        (b"", ("/usr/bin/python",)),
    ],
)
def test_the_interpreter_line_is_the_modules(tmp_path: Path, line: bytes, shebang: tuple[str, ...]) -> None:
    parts = built(tmp_path, "sample.py", line + NEW)
    assert parts is not None
    assert parts.shebang == shebang


def test_what_is_built_does_not_depend_on_the_configured_interpreter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANSIBLE_PYTHON_INTERPRETER", "/opt/python")
    assert built(tmp_path, "sample.py", NEW) is not None


# -- what differs from task to task


def test_interpreter_line_of_a_task() -> None:
    shebang = ("/usr/bin/python",)
    told = {"ansible_python_interpreter": trust_as_template("{{ folder }}/python3"), "folder": "/opt"}
    assert interpreter_line(shebang, told, templar(told), False) == "#!/opt/python3"
    with_arguments = interpreter_line(("/usr/bin/python", "-E"), told, templar(told), False)
    assert with_arguments == "#!/opt/python3 -E"
    other = interpreter_line(("/usr/bin/ruby",), told, templar(told), False)
    assert other == "#!/usr/bin/ruby"


def test_an_interpreter_that_is_not_known_yet() -> None:
    with pytest.raises(InterpreterDiscoveryRequiredError):
        interpreter_line(("/usr/bin/python",), {"ansible_python_interpreter": "auto"}, templar(), False)
    found = {
        "ansible_python_interpreter": "auto",
        "ansible_facts": {"discovered_interpreter_python": "/usr/bin/python9"},
    }
    assert interpreter_line(("/usr/bin/python",), found, templar(found), False) == "#!/usr/bin/python9"


@pytest.mark.parametrize(
    ("variables", "limit"),
    [
        ({}, 0),
        ({"ansible_python_module_rlimit_nofile": 77}, 77),
        ({"ansible_python_module_rlimit_nofile": "78"}, 78),
        ({"ansible_python_module_rlimit_nofile": trust_as_template("{{ base + 1 }}"), "base": 80}, 81),
    ],
)
def test_open_files_limit(variables: dict[str, Any], limit: int) -> None:
    assert open_files_limit(variables, templar(variables)) == limit


def test_placeholder() -> None:
    bits = placeholder(b"#", "#!/usr/bin/python3", "legacy")
    assert (bits.b_module_data, bits.module_style, bits.shebang, bits.serialization_profile) == (
        b"#",
        "new",
        "#!/usr/bin/python3",
        "legacy",
    )


def test_the_stock_way_waits_for_whoever_builds(monkeypatch: pytest.MonkeyPatch) -> None:
    entered = threading.Event()
    monkeypatch.setattr(action, "modify_module", lambda: entered.set())
    build_one_at_a_time()
    guarded = action.modify_module
    build_one_at_a_time()
    assert action.modify_module is guarded
    with loading_lock:
        thread = threading.Thread(target=guarded)
        thread.start()
        assert not entered.wait(0.2)
    assert entered.wait(20.0)
    thread.join()
