# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Read an ssh login from ansible-core's ssh plugin, with the command line that the plugin itself would use."""

from __future__ import annotations

import os
from typing import Any

from ansible_svc.transport.identity import SshLogin

# Everything that ansible-core's ssh plugin reads while it builds its command (its _build_command, 2.19 to 2.21).
_OPTIONS = (
    "host_key_checking",
    "password_mechanism",
    "pkcs11_provider",
    "port",
    "private_key",
    "private_key_file",
    "private_key_passphrase",
    "remote_user",
    "ssh_args",
    "ssh_common_args",
    "ssh_executable",
    "ssh_extra_args",
    "timeout",
    "verbosity",
)
_DEFAULT_SSH_ARGS = "-C -o ControlMaster=auto -o ControlPersist=60s"

_commands: dict[tuple[Any, ...], tuple[str, ...]] = {}


def ssh_login(connection: Any) -> SshLogin:
    """Return the login of an ssh plugin object whose options are set.

    Raises AnsibleError for options that cannot be used together, as the plugin does.

    A key that is given by its content goes into an ssh agent while the command is built. It may be gone from there by
    the next task (ssh-add -D, SSH_AGENT_KEY_LIFETIME), so that it is looked after in every task, as under ansible-core.

    Threads: any. Equal options share one command line; two threads may build it at the same time, and one is kept. (No
    lock: a worker may be forked at any time, and needs this.)
    """
    host = connection.get_option("host") or connection._play_context.remote_addr
    password = connection.get_option("password") or connection._play_context.password
    prompt = (connection.get_option("sshpass_prompt") or None) if _uses_sshpass(connection) else None
    known = connection._options
    values = tuple(str(known[name]) if name in known else None for name in _OPTIONS)
    key = (host, bool(password), *values)
    argv = None if known.get("private_key") else _commands.get(key)
    if argv is None:
        argv = _commands.setdefault(key, _build(connection, host))
    return SshLogin(
        host=host,
        argv=argv,
        password=str(password) if password else None,
        prompt=prompt,
        timeout_s=float(connection.get_option("timeout")),
        retries=int(connection.get_option("reconnection_retries")),
    )


def _uses_sshpass(connection: Any) -> bool:
    return bool(connection.get_option("password_mechanism") == "sshpass")


def _build(connection: Any, host: str) -> tuple[str, ...]:
    """Have the plugin build its command, leaving out what only serves a new ssh client for every command.

    Compression, which ansible-core asks for by default, is left out as well when nobody asked for it: everything big
    is compressed before it is sent, once for all hosts.
    """
    connection.host = host
    if _uses_sshpass(connection):  # it would need a pipe per attempt; the password is typed at the prompt instead
        connection.set_option("password_mechanism", "ssh_askpass")
    command = connection._build_command(connection.get_option("ssh_executable"), "ssh", host)
    words = [os.fsdecode(word) for word in command]
    if connection.get_option("ssh_args") == _DEFAULT_SSH_ARGS:
        words.remove("-C")
    return tuple(words)
