# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ssh command is ansible-core's own."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader

from ansible_svc.engine import ssh_command
from ansible_svc.engine.ssh_command import ssh_login
from tests.unit.ansible_setup import set_up

DEFAULT_SSH_ARGS = "-C -o ControlMaster=auto -o ControlPersist=60s"

OPTIONS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "port": {"ansible_port": 2222},
    "user": {"ansible_user": "some one"},
    "key": {"ansible_private_key_file": "~/keys/a key"},
    "timeout": {"ansible_ssh_timeout": 77},
    "no host key check": {"ansible_host_key_checking": False},
    "verbose": {"ansible_ssh_verbosity": 3},
    "other args": {"ansible_ssh_args": "-o Compression=yes -C -4"},
    "no args": {"ansible_ssh_args": ""},
    "args without persistence": {"ansible_ssh_args": "-C -o ControlMaster=no"},
    "common args": {"ansible_ssh_common_args": "-o ProxyCommand='ssh -W %h:%p jump'"},
    "common args that compress": {"ansible_ssh_common_args": "-C"},
    "extra args": {"ansible_ssh_extra_args": "-J jump -vv"},
    "sftp and scp args": {"ansible_sftp_extra_args": "-x", "ansible_scp_extra_args": "-y"},
    "password": {"ansible_password": "secret"},
    "password by askpass": {"ansible_password": "secret", "ansible_ssh_password_mechanism": "ssh_askpass"},
    "password by sshpass": {"ansible_password": "secret", "ansible_ssh_password_mechanism": "sshpass"},
    "smart card": {"ansible_password": "1234", "ansible_ssh_pkcs11_provider": "/lib/pkcs11.so"},
    "executable": {"ansible_ssh_executable": "/opt/bin/ssh"},
    "control path": {"ansible_control_path": "%(directory)s/one-%%h"},
    "retries": {"ansible_ssh_retries": 4},
    "unicode": {"ansible_user": "jürgen", "ansible_ssh_extra_args": "-o 'SetEnv=X=ü'"},
    "everything": {
        "ansible_port": 22,
        "ansible_user": "root",
        "ansible_private_key_file": "/k",
        "ansible_ssh_timeout": 5,
        "ansible_host_key_checking": False,
        "ansible_ssh_common_args": "-o A=b",
        "ansible_ssh_extra_args": "-o C=d",
    },
}


@pytest.fixture(autouse=True)
def _ansible(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    set_up()
    monkeypatch.setattr(ssh_command, "_commands", {})
    monkeypatch.setenv("HOME", str(tmp_path))
    yield


def plugin(variables: dict[str, Any], host: str = "web.example.org", name: str = "ssh") -> Any:
    connection = connection_loader.get(name, PlayContext(), os.devnull)
    control = {"ansible_control_path_dir": os.environ["HOME"] + "/cp", "ansible_host": host}
    connection.set_options(task_keys={}, var_options={**control, **variables})
    return connection


def stock_argv(variables: dict[str, Any], host: str = "web.example.org") -> tuple[str, ...]:
    connection = plugin(variables, host)
    connection.host = host
    words = connection._build_command(connection.get_option("ssh_executable"), "ssh", host)
    pipe = getattr(connection, "sshpass_pipe", None)
    if pipe:
        for descriptor in pipe:
            os.close(descriptor)
    return tuple(os.fsdecode(word) for word in words)


@pytest.mark.parametrize("name", OPTIONS)
def test_the_command_is_ansible_cores(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda *args, **kwargs: "/usr/bin/sshpass")
    variables = OPTIONS[name]
    expected = list(stock_argv(variables))
    if expected[0] == "sshpass":  # not used: the password is typed at the prompt
        expected = expected[2:]
    ours = list(ssh_login(plugin(variables)).argv)
    if variables.get("ansible_ssh_args", DEFAULT_SSH_ARGS) == DEFAULT_SSH_ARGS:
        expected.remove("-C")
    if variables.get("ansible_password"):
        # Asking once is how ansible-core's ssh_askpass keeps ssh from asking for a wrong password thrice.
        extra = ["-o", "NumberOfPasswordPrompts=1"]
        expected = expected if expected[-3:-1] == extra else [*expected[:-1], *extra, expected[-1]]
    assert ours == expected
    assert ours[-1] == "web.example.org"


def test_compression_is_left_out_only_where_nobody_asked_for_it() -> None:
    assert "-C" not in ssh_login(plugin({})).argv
    assert "-C" in ssh_login(plugin({"ansible_ssh_args": "-C"})).argv
    assert ssh_login(plugin({"ansible_ssh_common_args": "-C"})).argv.count("-C") == 1


def test_what_else_a_login_knows() -> None:
    login = ssh_login(plugin({"ansible_password": "secret", "ansible_ssh_timeout": 33, "ansible_ssh_retries": 2}))
    assert (login.host, login.password, login.timeout_s, login.retries) == ("web.example.org", "secret", 33.0, 2)
    login = ssh_login(plugin({}))
    assert (login.password, login.prompt, login.timeout_s, login.retries) == (None, None, 10.0, 0)
    assert "secret" not in repr(ssh_login(plugin({"ansible_password": "secret"})))


@pytest.mark.parametrize("name", OPTIONS)
def test_equal_options_share_one_command_and_are_one_login(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = ssh_login(plugin(OPTIONS[name])), ssh_login(plugin(OPTIONS[name]))
    assert first == second
    assert hash(first) == hash(second)
    assert first.argv is second.argv
    assert len(ssh_command._commands) == 1


def test_the_command_is_built_once(monkeypatch: pytest.MonkeyPatch) -> None:
    built = []
    build = ssh_command._build
    monkeypatch.setattr(ssh_command, "_build", lambda *args: built.append(args) or build(*args))
    for _ in range(3):
        ssh_login(plugin({"ansible_port": 1}))
    assert len(built) == 1
    ssh_login(plugin({"ansible_port": 2}))
    assert len(built) == 2


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ({}, {"ansible_port": 22}),
        ({"ansible_user": "a"}, {"ansible_user": "b"}),
        ({"ansible_password": "a"}, {"ansible_password": "b"}),
        ({"ansible_password": "a"}, {}),
        ({"ansible_ssh_retries": 1}, {"ansible_ssh_retries": 2}),
        ({"ansible_ssh_timeout": 1}, {"ansible_ssh_timeout": 2}),
        ({"ansible_ssh_common_args": "-4"}, {"ansible_ssh_common_args": "-6"}),
        ({"ansible_private_key_file": "/a"}, {"ansible_private_key_file": "/b"}),
    ],
)
def test_different_options_are_different_logins(one: dict[str, Any], other: dict[str, Any]) -> None:
    assert ssh_login(plugin(one)) != ssh_login(plugin(other))


def test_different_hosts_are_different_logins() -> None:
    one, other = ssh_login(plugin({}, "one")), ssh_login(plugin({}, "other"))
    assert one != other
    assert (one.argv[-1], other.argv[-1]) == ("one", "other")


def test_the_options_are_all_that_ansible_core_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later release may read more; then equal keys would no longer mean equal commands."""
    read: set[str] = set()
    for variables in OPTIONS.values():
        connection = plugin(variables)
        ask = connection.get_option
        connection.get_option = lambda name, *args, ask=ask, **kwargs: read.add(name) or ask(name, *args, **kwargs)
        ssh_login(connection)
    # What only names the socket of a shared connection, which ours never is; and what does not change the command.
    elsewhere = {"control_path", "control_path_dir", "host", "password", "reconnection_retries", "sshpass_prompt"}
    assert read <= {*ssh_command._OPTIONS, *elsewhere}


def test_what_ansible_core_refuses_is_refused_in_its_words() -> None:
    with pytest.raises(AnsibleError, match="Unable to create local directories"):
        ssh_login(plugin({"ansible_control_path_dir": "/dev/null/x"}))
    assert ssh_command._commands == {}
