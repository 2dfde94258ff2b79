# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Action plugins over the Pool.

Every action plugin of ansible-core does its remote work through a handful of ActionBase's methods. A class with our
versions of them is laid over a plugin object (see adoption.py), so the plugin's own code runs unchanged. The two that
matter are ``_configure_module`` (what is to be run) and ``_low_level_execute_command`` (run it): ansible-core's own
``_execute_module`` between them stays as it is and keeps its meaning from release to release.
"""

from __future__ import annotations

import json
import os
import shlex
import sys
from typing import Any

from ansible import constants as C
from ansible.errors import AnsibleError
from ansible.executor.interpreter_discovery import InterpreterDiscoveryRequiredError, discover_interpreter
from ansible.module_utils.common.json import Direction, get_module_encoder
from ansible.utils.display import Display

from ansible_svc.compat.module_build import interpreter_line, open_files_limit, placeholder, uses_extensions
from ansible_svc.engine.access import Access
from ansible_svc.engine.account_changes import account_change
from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.engine.calls import Finished, ModuleCall, Step
from ansible_svc.engine.command_result import as_result
from ansible_svc.engine.connections import NativeConnection, TemporaryDirectoryFailed
from ansible_svc.engine.discovery import Discovery
from ansible_svc.engine.mixin import Mixin
from ansible_svc.engine.preparing import AddMode, MakeDirectory, WriteBytes
from ansible_svc.transport.failures import BecomeFailed

display = Display()

# Variables that an interpreter reads when it starts; a forked runner would come too late for them.
_INTERPRETER_VARIABLES = ("PYTHON", "LD_", "LOCPATH", "MALLOC_", "GLIBC_TUNABLES")


# Data that an action plugin made in memory is sent from there up to this size, and by way of a file beyond.
_KEPT_IN_MEMORY_BYTES = 4 << 20
_SHELL = "/bin/sh"
_EXEC_VERBOSITY = 3


class ModuleText(bytes):
    """Stands for a module's text in ansible-core's code, and carries what is really to be run."""

    call: ModuleCall


class NativeAction(Mixin):
    """Our versions of ActionBase's remote helpers; laid over a plugin object by adoption.adopt.

    Threads: an object belongs to one task.
    """

    svc_access: Access
    _svc_wrap_async = False
    _svc_task_vars: dict[str, Any]

    @property
    def _svc(self) -> NativeConnection | None:
        """The native connection, or None when this task goes ansible-core's own way."""
        connection = self._connection
        if isinstance(connection, NativeConnection) and connection.svc_is_native():
            return connection
        return None

    # modules

    def _execute_module(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Run a module; the base class asks ``_configure_module`` and ``_low_level_execute_command`` on the way."""
        self._svc_wrap_async = bool(kwargs.get("wrap_async"))
        result: dict[str, Any] = super()._execute_module(*args, **kwargs)
        return result

    def _configure_module(self, module_name: str, module_args: dict[str, Any], task_vars: dict[str, Any]) -> Any:
        """Return a stand-in for the module's text when it can run natively, ansible-core's text otherwise.

        As under ansible-core, the host is not asked for anything before the module was found and made, but for its
        interpreters where they are to be discovered. It is connected to while a module is made that no task had yet.
        """
        connection = self._connection
        if (
            not isinstance(connection, NativeConnection)
            or self._svc_wrap_async
            or not connection.is_pipelining_enabled()
            or uses_extensions(task_vars)
        ):
            return super()._configure_module(module_name, module_args, task_vars)
        self._svc_task_vars = task_vars
        path = self._svc_find_module(module_name)
        bundle = None
        if path is not None:
            bundle = self.svc_access.bundle(module_name.rpartition(".")[2], path, connection.svc_place_ahead())
        environment: dict[str, Any] = {}
        self._compute_environment_string(environment)
        if path is None or bundle is None or any(name.startswith(_INTERPRETER_VARIABLES) for name in environment):
            return super()._configure_module(module_name, module_args, task_vars)
        shebang = self._svc_interpreter_line(bundle.shebang, task_vars)
        interpreter = shebang.removeprefix("#!").strip()
        if " " in interpreter or not interpreter.startswith("/"):
            return super()._configure_module(module_name, module_args, task_vars)
        encoder = get_module_encoder(bundle.profile, Direction.CONTROLLER_TO_MODULE)
        try:
            arguments = json.dumps({"ANSIBLE_MODULE_ARGS": module_args}, cls=encoder)
        except TypeError as error:
            raise AnsibleError(f"Failed to serialize arguments for the {module_name!r} module.") from error
        if self._svc is None:
            return super()._configure_module(module_name, module_args, task_vars)
        text = ModuleText(b"#")
        text.call = ModuleCall(
            bundle=bundle,
            path=path,
            name=module_name.rpartition(".")[2],
            interpreter=interpreter,
            arguments=arguments.encode(),
            environment={str(name): str(value) for name, value in environment.items()},
            open_files=open_files_limit(task_vars, self._templar),
            directory=self._svc_directory(),
        )
        return placeholder(text, shebang, bundle.profile), path

    def _svc_find_module(self, module_name: str) -> str | None:
        """Return a module's file, or None when ansible-core has to say what is wrong with the name."""
        result = self._shared_loader_obj.module_loader.find_plugin_with_context(
            module_name,
            self._connection.module_implementation_preferences[0],
            collection_list=self._task.collections,
        )
        return result.plugin_resolved_path if result.resolved else None

    def _svc_interpreter_line(self, shebang: tuple[str, ...], task_vars: dict[str, Any]) -> str:
        """Return the interpreter line for this host, discovering the interpreter when that is asked for."""
        task = self._task
        use_vars = task_vars["ansible_delegated_vars"][task.delegate_to] if task.delegate_to else task_vars
        local = bool(getattr(self._connection, "_remote_is_local", False))
        templar = self._templar
        try:
            return interpreter_line(shebang, use_vars, templar, local)
        except InterpreterDiscoveryRequiredError as required:
            self._svc_discover(required, task_vars, use_vars)
        return interpreter_line(shebang, use_vars, templar, local)

    def _svc_discover(self, required: Any, task_vars: dict[str, Any], use_vars: dict[str, Any]) -> None:
        """Discover an interpreter and note it where ActionBase._configure_module would."""
        found = discover_interpreter(
            action=Discovery(self, use_vars),
            interpreter_name=required.interpreter_name,
            discovery_mode=required.discovery_mode,
            task_vars=use_vars,
        )
        self._discovered_interpreter = found
        key = f"discovered_interpreter_{required.interpreter_name}"
        use_vars["ansible_facts"][key] = found
        task = self._task
        if not task.delegate_to or task.delegate_facts:
            task_vars["ansible_facts"][key] = found
            self._discovered_interpreter_key = key
        else:
            task_vars["ansible_delegated_vars"][task.delegate_to]["ansible_facts"][key] = found

    # commands

    def _low_level_execute_command(
        self,
        cmd: str,
        sudoable: bool = True,
        in_data: bytes | None = None,
        executable: str | None = None,
        encoding_errors: str = "surrogate_then_replace",
        chdir: str | None = None,
        **more: Any,
    ) -> dict[str, Any]:
        """Run a module or a command line on the host; same parameters and result as ActionBase's.

        ``more`` is what a later ansible-core added (2.21: process_result, which only PowerShell modules use).
        """
        connection = self._svc
        if connection is None or any(more.values()):
            result: dict[str, Any] = super()._low_level_execute_command(
                cmd,
                sudoable=sudoable,
                in_data=in_data,
                executable=executable,
                encoding_errors=encoding_errors,
                chdir=chdir,
                **more,
            )
            return result
        become = sudoable and self._svc_becomes()
        if isinstance(in_data, ModuleText):
            self._svc_tell(_SHELL, cmd, become)
            finished = self._svc_run_module(connection, in_data.call, become)
            if isinstance(finished, str):
                return self._svc_run_stock_module(in_data.call, finished)
        else:
            finished = self._svc_run_command(connection, cmd, in_data, executable, chdir, sudoable, become)
        return as_result(finished, encoding_errors)

    def _svc_run_module(
        self, connection: NativeConnection, call: ModuleCall, become: bool, then: tuple[Step, ...] = ()
    ) -> Finished | str:
        account = account_change(call)
        try:
            if account is not None and account.needs_no_process:
                connection.svc_log_out(account.user)
            finished = connection.svc_run_module(call, become, then)
            if account is not None and isinstance(finished, Finished) and b'"changed": true' in finished.out:
                connection.svc_log_out(account.user)
            return finished
        except TemporaryDirectoryFailed:
            self._svc_fail_in_stock_words()
            raise
        except BecomeFailed as failure:
            return connection.svc_become_failure(failure)

    def _svc_run_stock_module(self, call: ModuleCall, reason: str) -> dict[str, Any]:
        """Run a module as ansible-core would, since its interpreter cannot serve as a zygote."""
        display.v(
            f"svc: {call.interpreter} cannot run modules natively, using ansible-core's way: {reason.strip()}",
            host=self._play_context.remote_addr,
        )
        arguments = json.loads(call.arguments)["ANSIBLE_MODULE_ARGS"]
        bits, _path = super()._configure_module(call.name, arguments, self._svc_task_vars)
        shell = self._connection._shell
        cmd = shell.build_module_command(self._compute_environment_string(), bits.shebang, "").strip()
        return self._low_level_execute_command(cmd, in_data=bits.b_module_data)

    def _svc_run_command(
        self,
        connection: NativeConnection,
        cmd: str,
        in_data: bytes | None,
        executable: str | None,
        chdir: str | None,
        sudoable: bool,
        become: bool,
    ) -> Finished:
        shell = self._connection._shell
        if chdir:
            cmd = shell.append_command(f"cd {chdir}", cmd)
        if executable:
            shell.executable = executable
        if executable is None:
            executable = self._play_context.executable
        if become:
            argv = _argv(shell.executable or executable or "/bin/sh", cmd)
        elif executable:
            argv = _argv(executable, cmd)
        else:
            argv = ["/bin/sh", "-c", 'exec "${SHELL:-/bin/sh}" -c "$1"', "sh", cmd]
        if connection.transport == "local":
            connection.cwd = os.fsencode(self._loader.get_basedir())
        self._svc_tell(executable or _SHELL, cmd, become)
        terminal = connection.svc_wants_terminal(in_data, sudoable)
        try:
            finished = connection.svc_run(argv, in_data, become, terminal)
        except TemporaryDirectoryFailed:
            self._svc_fail_in_stock_words()
            raise
        except BecomeFailed as failure:
            return connection.svc_become_failure(failure)
        if terminal:
            finished = Finished(finished.rc, finished.out, finished.err + connection.svc_closing_words())
        return finished

    def _svc_tell(self, executable: str, cmd: str, become: bool) -> None:
        """Show at -vvv, on the terminal or in the log, what ansible-core would have sent."""
        if max(display.verbosity, display.log_verbosity) < _EXEC_VERBOSITY:
            return
        if become:
            cmd = self._connection.become.build_become_command(cmd, self._connection._shell)
        display.vvv(f"EXEC {executable} -c {shlex.quote(cmd)}", host=self._play_context.remote_addr)

    def _svc_becomes(self) -> bool:
        """Tell whether a command runs as the become user (the condition is ActionBase's)."""
        if not self._connection.become:
            return False
        login_user = self._get_remote_user()
        become_user = self.get_become_option("become_user")
        return bool(C.BECOME_ALLOW_SAME_USER or become_user != login_user or not any((login_user, become_user)))

    def _svc_directory(self) -> str | None:
        connection = self._connection
        return str(self._loader.get_basedir()) if connection.transport == "local" else None

    # files

    def cleanup(self, force: bool = False) -> None:
        """Clean up as the base class; what was prepared and not yet sent is sent now, unless the action failed."""
        super().cleanup(force)
        connection = self._connection
        if isinstance(connection, NativeConnection) and connection.svc_before:
            if sys.exc_info()[0] is None:
                connection.svc_flush()
            connection.svc_before.clear()

    def _make_tmp_path(self, remote_user: str | None = None) -> str:
        """Name the task's temporary directory; it is made with the next request to the host."""
        connection = self._svc
        if connection is None or self._is_become_unprivileged() or C.DEFAULT_KEEP_REMOTE_FILES:
            return str(super()._make_tmp_path(remote_user))
        parent = str(self.get_shell_option("remote_tmp", default="~/.ansible/tmp"))
        if parent.startswith("~/"):
            with as_ansible(connection):
                facts = self.svc_access.facts(connection.svc_place(become=False))
            # ansible-core has the shell expand ~user when it knows the user, and plain ~ otherwise
            parent = os.path.join(facts["passwd_home" if self._get_remote_user() else "home"], parent[2:])
        if not parent.startswith("/") or "$" in parent:  # the shell's to expand
            return str(super()._make_tmp_path(remote_user))
        shell = self._connection._shell
        path = os.path.join(parent, shell._generate_temp_dir_name())
        # an async job removes its directory by itself, when it is done
        connection.svc_before.append(MakeDirectory(path, 0o700, own=not self._task.async_val))
        self._cleanup_remote_tmp = True
        shell.tmpdir = path + "/"
        return str(shell.tmpdir)

    def _svc_fail_in_stock_words(self) -> None:
        """Make the temporary directory as ansible-core does, which fails as well and says why as ansible-core does."""
        super()._make_tmp_path()

    def _remove_tmp_path(self, tmp_path: str | None, force: bool = False) -> None:
        """Have the task's temporary directory removed, without waiting for it."""
        shell = self._connection._shell
        if tmp_path is None and shell.tmpdir:
            tmp_path = shell.tmpdir
        if tmp_path is None or not (force or self._should_remove_tmp_path(tmp_path)):
            return
        connection = self._svc
        if connection is None:
            super()._remove_tmp_path(tmp_path, force)
            return
        path = tmp_path.rstrip("/")
        if any(isinstance(item, MakeDirectory) and item.path == path for item in connection.svc_before):
            connection.svc_before.clear()  # nothing of it was needed: neither the directory nor what was to go there
        else:
            with as_ansible(connection):
                self.svc_access.remove(connection.svc_place(become=False), path)
        shell.tmpdir = None

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        """Have a file of the controller copied with the next request to the host."""
        connection = self._svc
        if connection is None or not os.path.exists(local_path):
            return str(super()._transfer_file(local_path, remote_path))
        display.vvv(f"PUT {local_path} TO {remote_path}", host=self._play_context.remote_addr)
        connection.svc_copy(local_path, remote_path)
        if os.path.realpath(local_path).startswith(os.path.realpath(C.DEFAULT_LOCAL_TMP) + os.sep):
            connection.svc_flush_copies()  # the action may remove it at any time
        return remote_path

    def _transfer_data(self, remote_path: str, data: str | bytes) -> str:
        """Have data written to a file with the next request to the host."""
        connection = self._svc
        if connection is None or C.DEFAULT_KEEP_REMOTE_FILES or len(data) > _KEPT_IN_MEMORY_BYTES:
            return str(super()._transfer_data(remote_path, data))
        if isinstance(data, str):
            data = data.encode(errors="surrogateescape")
        display.vvv(f"PUT ({len(data)} bytes) TO {remote_path}", host=self._play_context.remote_addr)
        connection.svc_before.append(WriteBytes(remote_path, data))
        return remote_path

    def _remote_chmod(self, paths: list[str], mode: str, sudoable: bool = False) -> dict[str, Any]:
        """Change modes on the host; the one change that every transfer makes goes with the next request."""
        connection = self._svc
        if connection is None or mode != "u+rwx" or sudoable:
            result: dict[str, Any] = super()._remote_chmod(paths, mode, sudoable)
            return result
        connection.svc_before.append(AddMode(tuple(map(str, paths)), 0o700))
        return as_result(Finished(0, b"", b""), "strict")


def _argv(executable: str, cmd: str) -> list[str]:
    words = shlex.split(executable)
    return [*words, "-c", cmd]
