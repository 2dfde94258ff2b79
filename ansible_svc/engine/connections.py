# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connection objects that work through the Pool.

Each is ansible-core's own plugin object with a class of ours laid over its own: options, names, documentation and
templating stay exactly ansible-core's, only what touches the host is ours. When a host has no Python, the object goes
back to being ansible-core's.
"""

from __future__ import annotations

import contextlib
import functools
import os
import shlex
from collections.abc import Iterator
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleConnectionFailure, AnsibleError, AnsibleFileNotFound
from ansible.plugins.connection import ConnectionBase
from ansible.utils.display import Display

from ansible_svc.compat.core_plugins import core_plugin
from ansible_svc.engine.access import Access
from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.engine.calls import Finished, ModuleCall, Place, Step
from ansible_svc.engine.mixin import Mixin
from ansible_svc.engine.option_memory import remember_options, set_options
from ansible_svc.engine.preparing import AddMode, CopyFile, MakeDirectory, Preparation, WriteBytes
from ansible_svc.engine.ssh_command import ssh_login
from ansible_svc.target.preparations import PreparationError
from ansible_svc.transport.failures import BecomeFailed, NoPython
from ansible_svc.transport.identity import Identity, LocalLogin, SshLogin, Sudo

display = Display()


class NativeConnection(Mixin):
    """What both native connections share; laid over a stock plugin object by ``adopt``.

    Attributes:
        svc_access: the task's access to the Pool.
        svc_variables: the host's, of which one lists interpreters; None where nobody has told them.
        svc_before: what the task wants in place on the host; it goes along with the next request there.

    Threads: an object belongs to one task.
    """

    svc_access: Access
    svc_before: list[Preparation]
    svc_variables: dict[str, Any] | None = None
    _svc_login: SshLogin | LocalLogin | None = None
    _svc_candidates: tuple[str, ...] | None = None
    _svc_no_python = False
    _svc_ready = False

    # options

    def set_options(self, task_keys: Any = None, var_options: Any = None, direct: Any = None) -> None:
        """Set the plugin's options; equal inputs are worked out once."""
        set_options(self, super().set_options, task_keys, var_options, direct)

    def set_become_plugin(self, plugin: Any) -> None:
        """Set the become plugin; its options are remembered as well."""
        remember_options(plugin)
        super().set_become_plugin(plugin)

    def svc_place(self, become: bool) -> Place:
        """Return where this connection leads: with privilege escalation, if asked and the task has it."""
        if self._svc_login is None:
            self._svc_login = self._svc_read_login()
        if self._svc_candidates is None:
            found = C.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=self.svc_variables)
            self._svc_candidates = tuple(map(str, found))
        sudo = self._svc_sudo() if become else None
        return Place(Identity(self._svc_login, sudo), self._svc_candidates)

    def svc_place_ahead(self) -> Place | None:
        """Return where svc_is_native() will connect to, None when that is of no use or nobody can say.

        What is wrong with an option is told by svc_is_native(), after what is wrong with the module that is to run.
        """
        if self._svc_no_python or self._svc_ready:
            return None
        try:
            return self.svc_place(become=False)
        except AnsibleError:
            return None

    def _svc_read_login(self) -> SshLogin | LocalLogin:
        raise NotImplementedError

    def _svc_sudo(self) -> Sudo | None:
        plugin = self.become
        if plugin is None:
            return None
        return Sudo(
            user=str(plugin.get_option("become_user") or "root"),
            executable=str(plugin.get_option("become_exe") or plugin.name),
            flags=tuple(shlex.split(plugin.get_option("become_flags") or "")),
            password=str(plugin.get_option("become_pass")) if plugin.get_option("become_pass") is not None else None,
        )

    def svc_is_native(self) -> bool:
        """Connect if need be; False when the host has no Python, so that ansible-core's own way is to be used.

        Raises AnsibleConnectionFailure.
        """
        if self._svc_no_python or self._svc_ready:
            return not self._svc_no_python
        self.svc_tell()
        try:
            with as_ansible(self):
                self.svc_access.facts(self.svc_place(become=False))
        except NoPython:
            display.v(
                "svc: no usable Python was found there; using ansible-core's own connection",
                host=self._play_context.remote_addr,
            )
            self._svc_no_python = True
            return False
        self._svc_ready = True
        return True

    def svc_tell(self) -> None:
        """Show at -vvv how the host is reached."""

    # ansible-core's interface

    def is_pipelining_enabled(self, wrap_async: bool = False) -> bool:
        """Tell ansible-core that new-style modules need no file on the host.

        Its own default and the setting for all hosts are about the cost of what svc does without. A variable that
        switches pipelining off is about a host or a task, and is heeded.
        """
        if self._svc_no_python:
            return bool(super().is_pipelining_enabled(wrap_async))
        if wrap_async or C.DEFAULT_KEEP_REMOTE_FILES:
            return False
        return bool(self.get_option("pipelining")) or not str(self._origins.get("pipelining")).startswith("var: ")

    def exec_command(self, cmd: str, in_data: bytes | None = None, sudoable: bool = True) -> tuple[int, bytes, bytes]:
        """Run a command line as the login user; what ansible-core itself would have sent."""
        if not self.svc_is_native():
            result: tuple[int, bytes, bytes] = super().exec_command(cmd, in_data=in_data, sudoable=sudoable)
            return result
        argv = ["/bin/sh", "-c", 'exec "${SHELL:-/bin/sh}" -c "$1"', "sh", cmd]
        finished = self.svc_run(argv, in_data, become=False, terminal=False)
        return finished.rc, finished.out, finished.err

    def svc_run(self, argv: list[str], in_data: bytes | None, become: bool, terminal: bool) -> Finished:
        """Run a command, as the become user if asked. Raises Ansible's errors."""
        with self._svc_preparing(become) as (place, before):
            return self.svc_access.exec_command(place, argv, in_data or b"", self.svc_directory(), terminal, before)

    def svc_run_module(self, call: ModuleCall, become: bool, then: tuple[Step, ...] = ()) -> Finished | str:
        """Run a module, as the become user if asked; see Access.run_module. Raises Ansible's errors."""
        with self._svc_preparing(become) as (place, before):
            return self.svc_access.run_module(place, call, before, then)

    def svc_log_out(self, user: str) -> None:
        """End what svc runs on the host as a become user. Raises Ansible's errors."""
        with as_ansible(self):
            self.svc_access.log_out(self.svc_place(become=False), user)

    def svc_become_failure(self, failure: BecomeFailed) -> Finished:
        """Return or raise what ansible-core makes of a become program that ended before it became anybody."""
        return Finished(1, b"", f"{failure}\n".encode())

    def svc_become_late(self) -> str:
        """Return what ansible-core says of a become program that takes too long."""
        raise NotImplementedError

    def svc_flush(self) -> None:
        """Carry out what is still to be prepared. Raises Ansible's errors."""
        if self.svc_before:
            with self._svc_preparing(become=False) as (place, before):
                self.svc_access.prepare(place, before)

    def svc_flush_copies(self) -> None:
        """Carry out what is to be prepared if a file of the controller is among it that has not been read yet."""
        if any(isinstance(item, CopyFile) for item in self.svc_before):
            self.svc_flush()

    @contextlib.contextmanager
    def _svc_preparing(self, become: bool) -> Iterator[tuple[Place, list[Preparation]]]:
        """Give a place and what is to be prepared there first.

        Preparations are made by the login user; a request as another user follows when they are done.
        """
        place = self.svc_place(become)
        if place.identity.become is not None:
            self.svc_flush()
        before, self.svc_before = self.svc_before, []
        with as_ansible(self):
            try:
                yield place, before
            except PreparationError as error:
                raise _preparation_failure(before[error.details["index"]], error.details["reason"]) from None

    def svc_directory(self) -> str | None:
        """Return the directory that commands run in, None for the login's."""
        return None

    def put_file(self, in_path: str, out_path: str) -> Any:
        """Copy a file of the controller to the host."""
        if not self.svc_is_native():
            return super().put_file(in_path, out_path)
        display.vvv(f"PUT {in_path} TO {out_path}", host=self._play_context.remote_addr)
        if not os.path.exists(in_path):
            raise AnsibleFileNotFound(f"file or module does not exist: {in_path}")
        self.svc_copy(in_path, out_path)
        self.svc_flush()
        return 0, b"", b""

    def svc_copy(self, in_path: str, out_path: str) -> None:
        """Have a file copied with the next request. Small ones are read now, others must stay until then."""
        with as_ansible(self):
            small = self.svc_access.read_small(in_path)
        if small is None:
            self.svc_before.append(CopyFile(in_path, out_path))
        else:
            self.svc_before.append(WriteBytes(out_path, *small))

    def fetch_file(self, in_path: str, out_path: str) -> Any:
        """Copy a file of the host to the controller."""
        if not self.svc_is_native():
            return super().fetch_file(in_path, out_path)
        display.vvv(f"FETCH {in_path} TO {out_path}", host=self._play_context.remote_addr)
        self.svc_flush()
        with as_ansible(self, f"failed to transfer file from {in_path}"):
            self.svc_access.fetch_file(self.svc_place(become=False), in_path, out_path)
        return 0, b"", b""

    def reset(self) -> None:
        """Disconnect; the next task connects anew."""
        if not self._svc_no_python:
            self.svc_access.forget(self.svc_place(become=False))
        super().reset()

    def close(self) -> None:
        """Leave the connection to the tasks that follow."""
        self._connected = False


class TemporaryDirectoryFailed(AnsibleConnectionFailure):
    """The task's temporary directory could not be made on the host."""


def _preparation_failure(preparation: Preparation, reason: str) -> AnsibleError:
    match preparation:
        case MakeDirectory(path):
            return TemporaryDirectoryFailed(f"Failed to create temporary directory {path}: {reason}")
        case AddMode():
            return AnsibleError(f"Failed to set permissions on remote files (rc: 1, err: {reason})")
        case CopyFile(path=path) | WriteBytes(path=path):
            return AnsibleError(f"failed to transfer file to {path}: {reason}")


class SshConnection(NativeConnection):
    """ansible-core's ssh plugin over the Pool."""

    def _svc_read_login(self) -> SshLogin:
        return ssh_login(self)

    def svc_tell(self) -> None:
        """Show the ssh command, of which many tasks may have the same one at work."""
        if display.verbosity >= 3:
            login = self.svc_place(become=False).identity.login
            assert isinstance(login, SshLogin)
            display.vvv(f"SSH: EXEC {shlex.join(login.argv)}", host=login.host)

    def svc_wants_terminal(self, in_data: bytes | None, sudoable: bool) -> bool:
        """Tell whether ansible-core would run this command on a terminal (its ssh plugin's exec_command)."""
        return not in_data and sudoable and bool(self.get_option("use_tty"))

    def svc_closing_words(self) -> bytes:
        """Return what the ssh client writes when a session on a terminal ends."""
        login = self.svc_place(become=False).identity.login
        assert isinstance(login, SshLogin)
        shared = any("controlpersist" in word.lower() for word in login.argv)
        return f"{'Shared connection' if shared else 'Connection'} to {login.host} closed.\r\n".encode()

    def svc_become_late(self) -> str:
        """Return the words of ansible-core's ssh plugin."""
        seconds = int(self.svc_place(become=False).identity.login.become_timeout_s)
        return f"Timeout ({seconds}s) waiting for privilege escalation prompt: "


class LocalConnection(NativeConnection):
    """ansible-core's local plugin over the Pool."""

    def _svc_read_login(self) -> LocalLogin:
        return LocalLogin(become_timeout_s=float(self._become_success_timeout))

    def svc_wants_terminal(self, in_data: bytes | None, sudoable: bool) -> bool:
        """Tell whether ansible-core would run this command on a terminal: never, locally."""
        return False

    def svc_directory(self) -> str | None:
        """Return the directory that ansible-core set for this command."""
        directory = getattr(self, "cwd", None)
        return os.fsdecode(directory) if directory else None

    def svc_become_failure(self, failure: BecomeFailed) -> Finished:
        """Raise what ansible-core's local plugin does, which waits for the become program to succeed."""
        raise AnsibleError(
            f"Premature end of stream waiting for {self._svc_waited_for()}.\n>>> Standard Error\n{failure}"
        )

    def svc_become_late(self) -> str:
        """Return the words of ansible-core's local plugin."""
        return f"Timed out waiting for {self._svc_waited_for()}."

    def _svc_waited_for(self) -> str:
        return "become success or become password prompt" if self.become.expect_prompt() else "become success"

    def reset(self) -> None:
        """Do nothing, as ansible-core's local plugin."""


_NATIVE: dict[str | None, type[Any]] = {"connection/ssh": SshConnection, "connection/local": LocalConnection}


@functools.cache
def native_class(stock: Any) -> type[Any] | None:
    """Return the class to lay over a stock connection plugin's, None when it is not one that we know.

    Plugins that derive from ansible-core's without being them (a user's own ``ssh.py``) are not ours to change; our
    own svc_ssh and svc_local say so by ``svc_over``.
    """
    ours = _NATIVE.get(core_plugin(getattr(stock, "svc_over", stock)))
    return type(stock.__name__, (ours, stock), {}) if ours is not None else None


def make(stock: Any, access: Access, play_context: Any, *args: Any, **kwargs: Any) -> Any:
    """Return a new connection object that works through the Pool; None when the class is not of a kind we know.

    ansible-core's ssh plugin makes an argument parser for every object, which takes longer than all the rest. What its
    __init__ adds to that of ConnectionBase is therefore made once and shared; the three values that come from the play
    context are set here.
    """
    ours: Any = native_class(stock)
    if ours is None:
        return None
    native = ours.__new__(ours)
    ConnectionBase.__init__(native, play_context, *args, **kwargs)
    added = _added_by_init.get(stock)
    if added is None:
        full = stock(play_context, *args, **kwargs)
        added = {name: value for name, value in vars(full).items() if name not in vars(native)}
        _added_by_init[stock] = added
    vars(native).update(added)
    if "host" in added:
        native.host = play_context.remote_addr
        native.port = play_context.port
        native.user = play_context.remote_user
    native.svc_access = access
    native.svc_before = []
    remember_options(native._shell)
    return native


_added_by_init: dict[Any, dict[str, Any]] = {}


def adopt(connection: Any, access: Access) -> Any:
    """Return a connection that works through the Pool in place of a stock one of a kind we know, else the same."""
    if isinstance(connection, NativeConnection):
        return connection
    ours = native_class(connection.__class__)
    if ours is None:
        return connection
    native = laid_over(connection, ours, access)
    native.svc_before = []
    return native


def laid_over(stock: Any, ours: Any, access: Access) -> Any:
    """Return an object of class ``ours`` with the state of a just made plugin object.

    (An object cannot change its class to one with another layout of bases.)
    """
    native = ours.__new__(ours)
    vars(native).update(vars(stock))
    native.svc_access = access
    return native
