# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection objects that are ansible-core's with a class of ours laid over."""

from __future__ import annotations

import os
from typing import Any

import pytest
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.playbook.play_context import PlayContext
from ansible.plugins.connection import local as stock_local
from ansible.plugins.connection import ssh as stock_ssh
from ansible.plugins.loader import connection_loader

from ansible_svc.engine.calls import Finished
from ansible_svc.engine.connections import LocalConnection, NativeConnection, SshConnection, adopt, native_class
from ansible_svc.engine.loaders import Loaders
from ansible_svc.transport.failures import ConnectFailed, NoPython
from ansible_svc.transport.identity import LocalLogin, SshLogin
from tests.unit.ansible_setup import set_up


class FakeAccess:
    """Note what is asked."""

    def __init__(self) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.error: Exception | None = None

    def facts(self, place: Any) -> dict[str, Any]:
        self.calls.append(("facts", place))
        if self.error is not None:
            raise self.error
        return {"home": "/home/me"}

    def forget(self, place: Any) -> None:
        self.calls.append(("forget", place))

    def exec_command(self, *args: Any, **kwargs: Any) -> Finished:
        self.calls.append(("exec_command", *args))
        return Finished(0, b"out", b"err")

    def fetch_file(self, *args: Any) -> None:
        self.calls.append(("fetch_file", *args))


@pytest.fixture(autouse=True, scope="module")
def _ansible() -> None:
    set_up()


@pytest.fixture
def access() -> FakeAccess:
    return FakeAccess()


def stock(name: str) -> Any:
    connection = connection_loader.get(name, PlayContext(), os.devnull)
    connection.set_options(task_keys={}, var_options={"ansible_host": "web", "ansible_ssh_retries": 1})
    return connection


@pytest.mark.parametrize("name", ["ssh", "ansible.builtin.ssh", "local", "ansible.legacy.local"])
def test_what_is_adopted_stays_what_it_was(name: str, access: FakeAccess) -> None:
    plain = stock(name)
    adopted = adopt(plain, access)  # type: ignore[arg-type]
    assert isinstance(adopted, NativeConnection)
    assert isinstance(adopted, type(plain))
    assert type(adopted).__name__ == type(plain).__name__
    assert adopted.transport == plain.transport
    assert adopted._load_name == plain._load_name
    assert adopted.get_options() == plain.get_options()
    assert adopt(adopted, access) is adopted  # type: ignore[arg-type]
    assert access.calls == []


def test_each_kind_has_its_class() -> None:
    assert native_class(stock_ssh.Connection) is not None
    assert issubclass(native_class(stock_ssh.Connection), SshConnection)  # type: ignore[arg-type]
    assert issubclass(native_class(stock_local.Connection), LocalConnection)  # type: ignore[arg-type]
    assert native_class(stock_ssh.Connection) is native_class(stock_ssh.Connection)


def test_a_users_own_plugin_is_left_alone(access: FakeAccess) -> None:
    class Mine(stock_ssh.Connection):
        pass

    assert native_class(Mine) is None
    assert native_class(object) is None
    thing = object()
    assert adopt(thing, access) is thing  # type: ignore[arg-type]


def test_loaders_give_adopted_connections(access: FakeAccess) -> None:
    loaders = Loaders(access)  # type: ignore[arg-type]
    found = loaders.connection_loader.get_with_context("ssh", PlayContext(), os.devnull)
    assert found.plugin_load_context.resolved
    assert isinstance(found.object, NativeConnection)
    assert isinstance(loaders.connection_loader.get("local", PlayContext(), os.devnull), NativeConnection)
    assert not issubclass(loaders.connection_loader.get("ssh", class_only=True), NativeConnection)
    assert loaders.connection_loader.get("no_such_plugin", PlayContext(), os.devnull) is None
    assert loaders.become_loader is not None
    assert loaders.connection_loader.has_plugin("ssh")


def test_where_it_leads(access: FakeAccess) -> None:
    ssh, local = (adopt(stock(name), access) for name in ("ssh", "local"))  # type: ignore[arg-type]
    place = ssh.svc_place(become=True)
    assert isinstance(place.identity.login, SshLogin)
    assert (place.identity.login.host, place.identity.become) == ("web", None)
    assert "python3" in "".join(place.candidates)
    assert local.svc_place(become=False).identity.login == LocalLogin()
    assert ssh.svc_place(become=False).identity.login is ssh.svc_place(become=True).identity.login


def test_where_it_will_lead_as_long_as_nobody_has_asked(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    assert connection.svc_place_ahead() == connection.svc_place(become=False)
    assert connection.svc_is_native()
    assert connection.svc_place_ahead() is None


def test_a_wrong_option_is_told_by_who_connects(access: FakeAccess, monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: Any) -> Any:
        raise AnsibleError("a password, but no sshpass")

    monkeypatch.setattr(SshConnection, "_svc_read_login", wrong)
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    assert connection.svc_place_ahead() is None
    with pytest.raises(AnsibleError, match="no sshpass"):
        connection.svc_is_native()


def test_a_host_without_python_is_ansible_cores_from_then_on(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    access.error = NoPython("none")
    assert connection.svc_is_native() is False
    access.error = None
    assert connection.svc_is_native() is False
    assert len(access.calls) == 1


def test_a_host_that_cannot_be_reached(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    access.error = ConnectFailed("no route")
    with pytest.raises(AnsibleConnectionFailure, match="Failed to connect to the host via ssh: no route"):
        connection.svc_is_native()
    access.error = None
    assert connection.svc_is_native() is True


def test_exec_command_is_ansible_cores_interface(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    assert connection.exec_command("echo hi", in_data=b"in") == (0, b"out", b"err")
    call = access.calls[-1]
    assert call[0] == "exec_command"
    assert call[2][-1] == "echo hi"
    assert call[3] == b"in"


def test_a_local_file_that_is_not_there(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    with pytest.raises(AnsibleFileNotFound, match="/no/such/file"):
        connection.put_file("/no/such/file", "/x")


def test_fetch_file(access: FakeAccess) -> None:
    connection = adopt(stock("local"), access)  # type: ignore[arg-type]
    connection.fetch_file("/there", "/here")
    assert access.calls[-1][0] == "fetch_file"
    assert access.calls[-1][2:] == ("/there", "/here")


def test_reset_disconnects_and_close_does_not(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    connection.svc_is_native()
    connection.close()
    assert [name for name, *_more in access.calls] == ["facts"]
    local = adopt(stock("local"), access)  # type: ignore[arg-type]
    local.reset()
    assert [name for name, *_more in access.calls] == ["facts"]


def test_the_ssh_clients_closing_words(access: FakeAccess) -> None:
    connection = adopt(stock("ssh"), access)  # type: ignore[arg-type]
    assert connection.svc_closing_words() == b"Shared connection to web closed.\r\n"
    plain = stock("ssh")
    plain.set_option("ssh_args", "-C")
    assert adopt(plain, access).svc_closing_words() == b"Connection to web closed.\r\n"  # type: ignore[arg-type]
