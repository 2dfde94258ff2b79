# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mitogen connection whose ssh command is the one that ansible-core's ssh plugin would run.

Only the options that would share or outlive this one connection are overridden (ControlMaster, ControlPath). The
password, when there is one, is typed at ssh's prompt on a terminal of its own.
"""

from __future__ import annotations

import re
import shlex
from typing import Any, ClassVar

import mitogen.core
import mitogen.parent

from ansible_svc.target.booting import BootOptions
from ansible_svc.transport.process import ClientConnection, spawn, spawn_on_terminal

_NEVER_SHARED = ("-o", "ControlMaster=no", "-o", "ControlPath=none")
_PROMPT = re.compile(rb"(password|passphrase[^:]*|PIN[^:]*):\s*$", re.IGNORECASE)
_ANYTHING = re.compile(rb"")
_HOST_KEY = re.compile(rb"are you sure you want to continue connecting", re.IGNORECASE)
HOST_KEY_QUESTION = "ssh asked to confirm a host key"
NOT_ACCEPTED = "Permission denied (the password was not accepted)."


class Options(BootOptions):
    """Options of SshConnection: ``argv``, ``password`` and ``prompt`` as in identity.SshLogin."""

    def __init__(self, argv: tuple[str, ...], password: str | None, prompt: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.argv = argv
        self.password = password
        self.prompt = prompt.encode() if prompt else None


class PromptProtocol(mitogen.parent.RegexProtocol):
    """Reads what ssh writes to its terminal or standard error, and types the password once when asked.

    Threads: the broker's only.
    """

    _asked = False

    def _on_partial(self, line: bytes, match: Any) -> None:
        prompt = self.stream.conn.options.prompt
        if prompt in line if prompt is not None else _PROMPT.search(line):
            self._type_password()
        elif _HOST_KEY.search(line):
            self.stream.conn._fail_connection(mitogen.core.StreamError(HOST_KEY_QUESTION))

    def _type_password(self) -> None:
        password = self.stream.conn.options.password
        if password is None:
            return  # ssh fails by itself and says why
        if self._asked:  # as sshpass, nobody tries again; ssh would wait for ever
            self.stream.conn._fail_connection(mitogen.core.StreamError(NOT_ACCEPTED))
            return
        self._asked = True
        self.logged_partial = None
        self.stream.transmit_side.write((password + "\n").encode())

    PARTIAL_PATTERNS: ClassVar = [(_ANYTHING, _on_partial)]


class SshConnection(ClientConnection):
    """Boot a child context over one ssh client process."""

    options_class: ClassVar[Any] = Options
    diag_protocol_class = PromptProtocol
    child_is_immediate_subprocess = False
    name_prefix = "ssh"

    def create_child(self, args: list[str], **kwargs: Any) -> Any:
        """Start ssh, on a terminal only when there is a password to type."""
        if self.options.password is None:
            return spawn(args)
        return spawn_on_terminal(args)

    def get_boot_command(self) -> list[str]:
        """Return the ssh command with the interpreter's boot command as its last word."""
        program, *rest = self.options.argv
        remote = shlex.join(super().get_boot_command())
        return [program, *_NEVER_SHARED, *rest, remote]
