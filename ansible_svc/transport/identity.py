# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes two connections the same: typed keys of every option that matters."""

from __future__ import annotations

from typing import NamedTuple


class SshLogin(NamedTuple):
    """A login over ssh.

    Attributes:
        host: the name or address given to ssh, for messages.
        argv: the whole ssh command up to and including the destination.
        password: typed at ssh's prompt, or None.
        prompt: text to wait for before the password is typed; None for what ssh clients usually ask.
        timeout_s: bound on one attempt, from ansible-core's ``timeout``.
        retries: how many more attempts after a failed one (ansible-core's ``reconnection_retries``).
    """

    host: str
    argv: tuple[str, ...]
    password: str | None
    prompt: str | None = None
    timeout_s: float = 10.0
    retries: int = 0

    def __repr__(self) -> str:
        """Show where to; the password is nobody's."""
        return f"SshLogin({self.host!r}, {self.argv!r})"

    @property
    def become_timeout_s(self) -> float:
        """How long a become program may take; as in ansible-core's ssh plugin (its _bare_run)."""
        return 2 + self.timeout_s


class LocalLogin(NamedTuple):
    """Work on the controller itself, as the user who runs it.

    Attributes:
        host: for messages.
        become_timeout_s: how long a become program may take (the local plugin's ``become_success_timeout``).
    """

    host: str = "localhost"
    become_timeout_s: float = 10.0


class Sudo(NamedTuple):
    """Become another user by sudo.

    Attributes:
        user: whom to become.
        executable: the sudo program.
        flags: its flags as words.
        password: typed at sudo's prompt, or None.
    """

    user: str
    executable: str
    flags: tuple[str, ...]
    password: str | None

    def __repr__(self) -> str:
        """Show whom; the password is nobody's."""
        return f"Sudo({self.user!r}, {self.executable!r}, {self.flags!r})"


class Identity(NamedTuple):
    """A login, and whom it becomes there (None: nobody else)."""

    login: SshLogin | LocalLogin
    become: Sudo | None = None
