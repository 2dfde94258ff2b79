# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold each module of the reuse list to its promise: that it leaves nothing behind, whatever it is asked to do."""

from __future__ import annotations

import base64
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.services.reusable import REUSABLE, is_reusable
from tests.integration.target.conftest import Bench, answer
from tests.integration.target.test_isolation import TELLS_EVERYTHING
from tests.integration.target.test_reuse import differing

PID = "import os\nAnsibleModule(argument_spec={}).exit_json(pid=os.getpid())\n"


def lay_out(folder: Path) -> None:
    """Make a folder with nothing but what the modules work on."""
    if folder.exists():
        shutil.rmtree(folder)
    folder.mkdir()
    (folder / "text").write_text("one\ntwo\n")
    (folder / "parts").mkdir()
    (folder / "parts" / "a").write_text("a\n")
    (folder / "parts" / "b").write_text("b\n")
    (folder / "job").write_text('{"finished": 1, "started": 1}')


def runs(name: str, folder: Path) -> list[dict[str, Any]]:
    """Return what each module is asked to do: well, in check mode, with diff, and in vain."""
    text, new = str(folder / "text"), str(folder / "new")
    varied: dict[str, list[dict[str, Any]]] = {
        "assemble": [
            {"src": str(folder / "parts"), "dest": new},
            {"src": str(folder / "parts"), "dest": new, "validate": "false %s"},
        ],
        "async_status": [
            {"jid": "job", "_async_dir": str(folder)},
            {"jid": "job", "_async_dir": str(folder), "mode": "cleanup"},
            {"jid": "gone", "_async_dir": str(folder)},
        ],
        "blockinfile": [
            {"path": text, "block": "three"},
            {"path": text, "block": "three", "validate": "false %s"},
            {"path": text, "state": "absent"},
        ],
        "command": [
            {"_raw_params": "echo ä"},
            {"_raw_params": "echo $HOME; exit 3", "_uses_shell": True},
            {"argv": ["cat"], "stdin": "words", "chdir": str(folder)},
            {"_raw_params": "true", "creates": text},
            {"_raw_params": "/no/such/program"},
            {"_raw_params": "sh -c 'kill -9 $$'"},
            {"_raw_params": "true", "chdir": "/nowhere"},
        ],
        "copy": [
            {"src": text, "dest": new, "remote_src": True, "mode": "0600", "backup": True},
            {"src": str(folder / "parts") + "/", "dest": str(folder / "copied"), "remote_src": True},
            {"src": text, "dest": new, "remote_src": True, "validate": "false %s", "force": True},
            {"src": "/nowhere", "dest": new, "remote_src": True},
            {"src": text, "dest": new, "remote_src": True, "owner": "nobody-of-that-name"},
        ],
        "file": [
            {"path": new, "state": "touch", "mode": "u=rw,g=r,o="},
            {"path": str(folder / "a" / "b"), "state": "directory", "recurse": True},
            {"src": text, "dest": str(folder / "link"), "state": "link"},
            {"path": new, "state": "absent"},
            {"path": "/nowhere/at/all", "state": "file"},
        ],
        "find": [
            {"paths": [str(folder)], "recurse": True, "contains": "one", "get_checksum": True},
            {"paths": ["/nowhere"]},
        ],
        "getent": [{"database": "passwd", "key": "root"}, {"database": "passwd", "key": "nobody-of-that-name"}],
        "lineinfile": [
            {"path": text, "line": "last", "backup": True},
            {"path": text, "regexp": "(", "line": "x"},
            {"path": text, "line": "last", "state": "absent"},
            {"path": text, "line": "other", "validate": "false %s"},
        ],
        "ping": [{}, {"data": "crash"}],
        "replace": [{"path": text, "regexp": "o(ne)", "replace": r"\\1"}, {"path": "/nowhere", "regexp": "x"}],
        "slurp": [{"src": text}, {"src": "/nowhere"}],
        "stat": [
            {"path": text, "checksum_algorithm": "sha256"},
            {"path": "/nowhere"},
            {"path": str(folder), "get_mime": True, "get_attributes": True},
        ],
        "tempfile": [{"path": str(folder), "state": "directory"}, {"path": "/nowhere"}],
    }
    given = varied[name]
    wrong: list[dict[str, Any]] = [{"no_such_argument": 1}]
    checked = [{**arguments, "_ansible_check_mode": True, "_ansible_diff": True} for arguments in given]
    told = [{**arguments, "_ansible_verbosity": 4, "_ansible_debug": True} for arguments in given[:1]]
    strange = [
        {**given[0], "_ansible_tmpdir": str(folder), "_ansible_no_log": True, "_ansible_syslog_facility": "LOG_LOCAL0"}
    ]
    return [*given, *checked, *told, *strange, *wrong, given[0]]


OF_ONE_RUN = frozenset({"start", "end", "delta", "atime", "mtime", "ctime", "inode", "version"})
"""What results say of when a run was, and of files that it has made."""

DRAWN = re.compile(
    r"ansible-moduletmp-[\d.]+-\w+(/\w+)?|(?<=/)(?:\.ansible_)?tmp\w{8}\b|(?<=/)ansible\.\w{8}\b|\.\d+\.[-\d]+@[\d:]+~"
)
"""Names that are drawn, or that hold the time of day or a process's number."""


def said(output: bytes) -> object:
    """Return what a module printed, without what differs between two runs of it in new processes."""
    text = DRAWN.sub("DRAWN", output.decode())
    return level(json.loads(text)) if text else text


def level(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: name if name in OF_ONE_RUN else level(inner) for name, inner in value.items()}
    return [level(inner) for inner in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", sorted(REUSABLE))
def test_a_module_on_the_list_leaves_nothing_behind(bench: Bench, name: str) -> None:
    short = name.rpartition(".")[2]
    module = bench.shipped(short)
    pid = bench.module("pid", PID, beside=module)
    tells = bench.module("tells", TELLS_EVERYTHING, beside=module)
    assert is_reusable(module.parts.fqn, list(module.files.items()))
    before = answer(bench.run(tells, reuse=True))
    was = answer(bench.run(pid, reuse=True))["pid"]
    folder = bench.folder / "work"
    for environment in ({}, {"LC_ALL": "C.UTF-8", "LANG": "no_SUCH"}, {"TMPDIR": str(bench.folder), "TZ": "UTC-3"}):
        for arguments in runs(short, folder):
            lay_out(folder)
            fresh = bench.run(module, arguments, env=environment)
            lay_out(folder)
            again = bench.run(module, arguments, env=environment, reuse=True)
            assert (again.rc, again.err, said(again.out)) == (fresh.rc, fresh.err, said(fresh.out)), arguments
            now = answer(bench.run(pid, reuse=True))["pid"]
            if not (short == "copy" and arguments.get("remote_src")):  # copy.py may leave its temporary file open
                assert now == was, f"the runner was soiled by {arguments}"
            was = now
        after = answer(bench.run(tells, reuse=True))
        assert differing(after, before) == []


def test_an_override_is_not_on_the_list(bench: Bench) -> None:
    own = bench.module("command", "AnsibleModule(argument_spec={}).exit_json()\n")
    assert not is_reusable(own.parts.fqn, list(own.files.items()))
    # not even when it calls itself so, or when it is the original with something else in what it imports
    assert not is_reusable("ansible.modules.command", list(own.files.items()))
    shipped = bench.shipped("command")
    for path in ("ansible/modules/command.py", "ansible/module_utils/basic.py"):
        files = {**shipped.files, path: "0" * 64}
        assert not is_reusable("ansible.modules.command", list(files.items()))
    more = {**shipped.files, "ansible/module_utils/mine.py": base64.b16encode(b"x" * 32).decode().lower()}
    assert not is_reusable("ansible.modules.command", list(more.items()))
