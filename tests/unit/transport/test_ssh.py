# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ssh connection: its command, and what it types."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import mitogen.core
import pytest

from ansible_svc.target.booting import BootConnection
from ansible_svc.transport.boot import NO_PYTHON, interpreter_argv
from ansible_svc.transport.ssh import HOST_KEY_QUESTION, NOT_ACCEPTED, Options, PromptProtocol, SshConnection


class Typed:
    """Be a stream that notes what is written to it."""

    def __init__(self, password: str | None, prompt: str | None = None) -> None:
        self.written: list[bytes] = []
        self.failures: list[Exception] = []
        self.transmit_side = SimpleNamespace(write=self.written.append)
        options = Options(boot=None, argv=("ssh", "web"), password=password, prompt=prompt, max_message_size=1)
        self.conn = SimpleNamespace(options=options, _fail_connection=self.failures.append, exception=None)
        self.name = "web"

    def protocol(self) -> Any:
        protocol = PromptProtocol()
        protocol.stream = self
        return protocol


def typed(password: str | None, *lines: bytes, prompt: str | None = None) -> list[bytes]:
    stream = Typed(password, prompt)
    protocol = stream.protocol()
    for line in lines:
        protocol.on_partial_line_received(line)
    return stream.written


@pytest.mark.parametrize(
    "line",
    [
        b"root@web's password: ",
        b"Password:",
        b"(root@web) Password: ",
        b"Enter passphrase for key '/k': ",
        b"Enter PIN for 'token': ",
        b"PASSWORD:  ",
    ],
)
def test_the_password_is_typed_where_ssh_asks_for_it(line: bytes) -> None:
    assert typed("geheim-ü", line) == ["geheim-ü\n".encode()]


@pytest.mark.parametrize(
    "line",
    [b"", b"Warning: password expires soon", b"password: is what we ask for", b"web$ ", b"no passwords here"],
)
def test_it_is_typed_nowhere_else(line: bytes) -> None:
    assert typed("secret", line) == []


def test_it_is_typed_once() -> None:
    """ssh asks again when it was wrong, and would wait for an answer until the time is up."""
    stream = Typed("secret")
    protocol = stream.protocol()
    protocol.on_partial_line_received(b"Password: ")
    assert stream.failures == []
    protocol.on_partial_line_received(b"Permission denied, please try again.\r\nPassword: ")
    assert stream.written == [b"secret\n"]
    assert [str(failure) for failure in stream.failures] == [NOT_ACCEPTED]


def test_without_a_password_nothing_is_typed() -> None:
    assert typed(None, b"Password: ") == []


def test_a_prompt_of_the_users_own() -> None:
    """As sshpass -P: whatever has this text in it is the prompt, and nothing else is."""
    assert typed("1234", b"Password: ", prompt="Enter your PIN") == []
    assert typed("1234", b"Enter your PIN: ", prompt="Enter your PIN") == [b"1234\n"]
    assert typed("1234", b"Verification code> ", prompt="Verification code") == [b"1234\n"]


def test_a_question_about_a_host_key_ends_the_attempt() -> None:
    stream = Typed("secret")
    stream.protocol().on_partial_line_received(b"Are you sure you want to continue connecting (yes/no/[fingerprint])? ")
    assert [str(failure) for failure in stream.failures] == [HOST_KEY_QUESTION]
    assert isinstance(stream.failures[0], mitogen.core.StreamError)
    assert stream.written == []


def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(BootConnection, "get_boot_command", lambda self: ["/bin/sh", "-c", "a 'b' $c", "x"])
    connection = SshConnection.__new__(SshConnection)
    connection.options = Options(
        boot=None, argv=("/opt/ssh", "-p", "22", "web"), password=None, prompt=None, max_message_size=1
    )
    assert connection.get_boot_command() == [
        "/opt/ssh",
        "-o",
        "ControlMaster=no",
        "-o",
        "ControlPath=none",
        "-p",
        "22",
        "web",
        "/bin/sh -c 'a '\"'\"'b'\"'\"' $c' x",
    ]


def test_a_terminal_is_used_only_to_type_a_password(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[str] = []
    monkeypatch.setattr("ansible_svc.transport.ssh.spawn", lambda args: started.append("plain"))
    monkeypatch.setattr("ansible_svc.transport.ssh.spawn_on_terminal", lambda args: started.append("terminal"))
    for password in (None, "", "secret"):
        connection = SshConnection.__new__(SshConnection)
        connection.options = Options(boot=None, argv=("ssh",), password=password, prompt=None, max_message_size=1)
        connection.create_child(["ssh"])
    assert started == ["plain", "terminal", "terminal"]


def test_interpreters_are_quoted() -> None:
    shell, option, script, name = interpreter_argv(["python3", "/opt/a b/python", "x;y"])
    assert (shell, option, name) == ("/bin/sh", "-c", "ansible-svc")
    assert script.startswith("for p in python3 '/opt/a b/python' 'x;y'; do ")
    assert NO_PYTHON in script
