# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a copy foresees, and that it takes nothing for what it is not. The action and the host are made up here."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.engine.actions import ModuleText
from ansible_svc.engine.calls import Finished, ModuleCall
from ansible_svc.engine.connections import NativeConnection
from ansible_svc.engine.copying import NativeCopy
from ansible_svc.engine.preparing import MakeDirectory, WriteBytes
from ansible_svc.services.modules import Bundle
from ansible_svc.target.following import chosen

DIRECTORY = MakeDirectory("/tmp/task", 0o700, own=True)


def call(name: str, arguments: str = "") -> ModuleCall:
    bundle = Bundle(name, name, "legacy", (), ())
    return ModuleCall(bundle, f"/{name}.py", name, "/usr/bin/python3", arguments.encode(), {}, 0, None)


class Connection(NativeConnection):
    """A host with one file: its content, None when there is none, False for a directory."""

    def __init__(self, content: str | bool | None) -> None:
        self.svc_before = [DIRECTORY]
        self.content = content
        self.ran: list[tuple[str, list[Any]]] = []
        self.requests = 0

    def svc_is_native(self) -> bool:
        return True

    def svc_run_module(self, call: ModuleCall, become: bool, then: Any = ()) -> Finished:
        self.requests += 1
        before, self.svc_before = self.svc_before, []
        out = self.run(call, before)
        index = chosen([{"when": [(list(names), *rest) for names, *rest in step.when]} for step in then], out)
        followed = None
        if index is not None:
            followed = index, Finished(0, self.run(then[index].call, list(then[index].before)), b"")
        return Finished(0, out, b"", followed)

    def run(self, call: ModuleCall, before: list[Any]) -> bytes:
        self.ran.append((call.name, before))
        if call.name != "stat":
            return b"{}"
        exists = self.content is not None
        found = (
            {"exists": exists, "isdir": self.content is False, "checksum": self.content}
            if exists
            else {"exists": False}
        )
        return json.dumps({"stat": found}).encode()


class Stock:
    """An action with the shape of ansible-core's; the checksum of a file is what it holds."""

    _connection: Any

    def _copy_file(self: Any, source: str, again: str | None = None) -> str:
        status = self._execute_remote_stat(source)
        if status["exists"] and status["isdir"]:
            return "a directory"
        if again is not None and not hasattr(self, "_svc_told"):  # not by the doubles
            Path(source).write_text(again)
        local = Path(source).read_text()
        if local != status["checksum"]:
            self._transfer_file(source, "/tmp/task/.source")
            self._run("copy", local)
        else:
            self._run("file", local)
        return local

    def _execute_remote_stat(self: Any, source: str) -> Any:
        status = json.loads(self._run("stat", ""))["stat"]
        return {"checksum": "1", **status}

    def _run(self: Any, name: str, arguments: str) -> Any:
        text = ModuleText(b"#")
        text.call = call(name, arguments)
        return self._low_level_execute_command("", in_data=text)["stdout"]


class Copy(NativeCopy, Stock):
    """A copy on one host."""

    _loader: Any = None

    def __init__(self, access: Any, connection: Connection, become: bool = False) -> None:
        self.svc_access = access
        self._connection = connection
        self._become = become

    def _svc_becomes(self) -> bool:
        return self._become

    def _svc_tell(self, *_args: Any) -> None:
        """Nobody listens."""

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        self._connection.svc_before.append(WriteBytes(remote_path, Path(local_path).read_bytes(), 0o644))
        return remote_path


class Access:
    """Reads files of the controller."""

    def __init__(self, largest: int = 100_000) -> None:
        self.largest = largest

    def checksum(self, local_path: str) -> str | None:
        return None

    def read_small(self, local_path: str, ahead: bool = False) -> tuple[bytes, int] | None:
        content = Path(local_path).read_bytes()
        return (content, 0o644) if len(content) <= self.largest else None


WRITE = WriteBytes("/tmp/task/.source", b"new", 0o644)


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "source"
    path.write_text("new")
    return str(path)


@pytest.mark.parametrize("content", [None, "old"])
def test_a_file_that_changes_is_copied_with_one_request(source: str, content: str | None) -> None:
    host = Connection(content)
    assert Copy(Access(), host)._copy_file(source) == "new"
    assert host.ran == [("stat", []), ("copy", [DIRECTORY, WRITE])]
    assert (host.requests, host.svc_before) == (1, [])


def test_a_file_that_is_right_takes_one_request_and_no_directory(source: str) -> None:
    host = Connection("new")
    Copy(Access(), host)._copy_file(source)
    assert host.ran == [("stat", []), ("file", [])]
    assert (host.requests, host.svc_before) == (1, [DIRECTORY])


def test_nothing_follows_the_look_at_a_directory(source: str) -> None:
    host = Connection(False)
    assert Copy(Access(), host)._copy_file(source) == "a directory"
    assert host.ran == [("stat", [])]


def test_large_content_is_not_sent_before_it_is_needed(source: str) -> None:
    host = Connection("old")
    Copy(Access(largest=1), host)._copy_file(source)
    assert host.ran == [("stat", []), ("copy", [DIRECTORY, WRITE])]
    assert host.requests == 2


def test_what_somebody_else_would_have_to_prepare_waits(source: str) -> None:
    host = Connection("old")
    Copy(Access(), host, become=True)._copy_file(source)
    assert host.requests == 2
    host = Connection("new")
    Copy(Access(), host, become=True)._copy_file(source)
    assert host.requests == 1


@pytest.mark.parametrize("content", ["old", "new"])
def test_a_source_that_changes_meanwhile_is_copied_as_it_is_then(source: str, content: str) -> None:
    host = Connection(content)
    assert Copy(Access(), host)._copy_file(source, again="newer") == "newer"
    last, before = host.ran[-1]
    assert last == "copy"
    assert before[-1] == WriteBytes("/tmp/task/.source", b"newer", 0o644)
    made = [item for _name, items in host.ran for item in items if item == DIRECTORY]
    assert len(made) == 1  # a directory cannot be made twice
    assert host.svc_before == []


def test_only_the_first_look_of_a_copy_is_taken_for_it(source: str) -> None:
    host = Connection("new")
    copy = Copy(Access(), host)
    copy._run("stat", "")
    assert host.ran == [("stat", [DIRECTORY])]
