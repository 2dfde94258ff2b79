# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Our errors, in ansible-core's words."""

from __future__ import annotations

import errno
from types import SimpleNamespace
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleUndefinedVariable

from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.errors import (
    ArgumentError,
    CancelledError,
    DeadlineExceededError,
    DisconnectedError,
    Error,
    PoolClosedError,
    RemoteError,
    remote_error_class,
)
from ansible_svc.transport.failures import (
    BecomeFailed,
    ConnectFailed,
    HostKeyUnknown,
    NoPython,
    NotStarted,
    PasswordMissing,
    PasswordWrong,
)

CONNECTION = SimpleNamespace(
    become=SimpleNamespace(name="sudo"), _play_context=SimpleNamespace(remote_addr="db.example.org", no_log=False)
)
CLOSED = "Failed to connect to the host via ssh: Connection to db.example.org closed."

TABLE: list[tuple[Error, type[Exception], str]] = [
    (
        ConnectFailed("Permission denied"),
        AnsibleConnectionFailure,
        "Failed to connect to the host via ssh: Permission denied",
    ),
    (PasswordMissing("x"), AnsibleError, "Missing sudo password"),
    (PasswordWrong("x"), AnsibleError, "Incorrect sudo password"),
    (DisconnectedError("x"), AnsibleConnectionFailure, CLOSED),
    (PoolClosedError("x"), AnsibleConnectionFailure, CLOSED),
    (CancelledError("x"), AnsibleConnectionFailure, CLOSED),
    (RemoteError("no space"), AnsibleError, "the agent on the managed host failed: no space"),
    (remote_error_class("PermissionError")("denied"), AnsibleError, "the agent on the managed host failed: denied"),
    (DeadlineExceededError("too late"), AnsibleError, "too late"),
    (ArgumentError("odd"), AnsibleError, "odd"),
]


def not_started(*reason: Any) -> NotStarted:
    error = NotStarted("ssh")
    error.__cause__ = OSError(*reason)
    return error


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ((errno.ENOENT, "No such file or directory", "ssh"), "[Errno 2] No such file or directory: b'ssh'"),
        ((errno.EMFILE, "Too many open files"), "[Errno 24] Too many open files"),
    ],
)
def test_an_ssh_client_that_does_not_start(reason: tuple[Any, ...], words: str) -> None:
    with pytest.raises(AnsibleError) as caught, as_ansible(CONNECTION):
        raise not_started(*reason)
    assert str(caught.value.__cause__) == words
    assert str(caught.value) == f"Unable to execute ssh command line on a controller: {words}"


def said(error: BaseException) -> str:
    """Return what ansible-core makes of an error in a task's result: its words, and those of its causes."""
    return str(error)


@pytest.mark.parametrize(("error", "expected", "words"), TABLE, ids=lambda value: type(value).__name__)
def test_what_becomes_what(error: Error, expected: type[Exception], words: str) -> None:
    with pytest.raises(expected) as caught, as_ansible(CONNECTION):
        raise error
    assert type(caught.value) is expected
    assert said(caught.value) == words


@pytest.mark.parametrize("error", [ConnectFailed("Permission denied: s3cret"), DisconnectedError("s3cret")])
def test_a_task_with_no_log_does_not_show_what_ssh_wrote(error: Error) -> None:
    silent = SimpleNamespace(_play_context=SimpleNamespace(remote_addr="s3cret.example.org", no_log=True))
    with pytest.raises(AnsibleConnectionFailure) as caught, as_ansible(silent):
        raise error
    assert said(caught.value) == "Failed to connect to the host via ssh: <error censored due to no log>"


def test_an_unknown_host_key_is_no_failed_connection() -> None:
    """ansible-core does not count such a host as unreachable."""
    with pytest.raises(AnsibleError) as caught, as_ansible(CONNECTION):
        raise HostKeyUnknown("x")
    assert said(caught.value) == (
        "Using a SSH password instead of a key is not possible because Host Key checking is enabled. "
        "Please add this host's fingerprint to your known_hosts file to manage this host."
    )
    assert not isinstance(caught.value, AnsibleConnectionFailure)


def test_what_was_done_is_told_of_a_remote_error() -> None:
    with pytest.raises(AnsibleError) as caught, as_ansible(CONNECTION, "failed to transfer file to /x"):
        raise RemoteError("no space")
    assert said(caught.value) == "failed to transfer file to /x: no space"


@pytest.mark.parametrize(
    "error",
    [
        NoPython("none"),
        BecomeFailed("sudo: unknown user"),
        AnsibleUndefinedVariable("x"),
        ZeroDivisionError("x"),
        KeyboardInterrupt(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_what_passes(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught, as_ansible(CONNECTION):
        raise error
    assert caught.value is error


def test_nothing_happens_without_an_error() -> None:
    with as_ansible(None):
        pass
