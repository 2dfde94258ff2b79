# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an agent still is what its user would be given now.

An agent lives through a whole run, with the environment, the groups and the limits that it was given at its start.
Without an agent each task is a command of its own: the user's shell reads its files anew for each, and a become program
makes a new session. So an agent looks, before it runs anything, whether what was read for it has changed; then a new
one takes its place (see AgentService).

What a login itself is given (groups, /etc/environment) is kept by ssh's own shared connections as well, until they are
reset.
"""

from __future__ import annotations

import os
import pwd

from ansible_svc.target.witness import Witness

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# What shells read when sshd starts them with a command: bash(1), zsh(1), fish(1). Others read nothing then.
_OF_SHELLS = {
    "bash": ("~/.bashrc", "/etc/bash.bashrc", "/etc/bashrc", "/etc/profile.d/"),
    "zsh": ("~/.zshenv", "/etc/zshenv", "/etc/zsh/zshenv"),
    "fish": ("~/.config/fish/config.fish", "~/.config/fish/conf.d/", "/etc/fish/config.fish", "/etc/fish/conf.d/"),
}
# What sudo, the PAM modules of its session and a login shell (sudo -i) read.
_OF_SUDO = (
    "/etc/environment",
    "/etc/security/",
    "/etc/security/limits.d/",
    "/etc/pam.d/sudo",
    "/etc/sudoers",
    "/etc/sudoers.d/",
    "/etc/profile",
    "/etc/profile.d/",
    "~/.pam_environment",
    "~/.profile",
    "~/.bash_profile",
    "~/.bash_login",
)
_ACCOUNTS = ("/etc/passwd", "/etc/group")

#: What an agent may have been started by.
SSH, SUDO = "ssh", "sudo"


class Session:
    """What was read for this process at its start.

    Parameters:
        began: SSH, SUDO, or "" for a process that inherits all it has.

    Threads: any.
    """

    def __init__(self, began: str) -> None:
        paths: tuple[str, ...] = ()
        if began == SSH:
            paths = _OF_SHELLS.get(os.path.basename(_account()[2]), ())
        elif began == SUDO:
            paths = _OF_SUDO
        self._files = Witness(map(os.path.expanduser, paths))
        self._accounts = Witness(_ACCOUNTS if began == SUDO else ())
        self._groups = _groups() if began == SUDO else None

    def is_outdated(self) -> bool:
        """Tell whether a new process would be given something else."""
        if self._files.has_changed():
            return True
        if not self._accounts.has_changed():
            return False
        # other accounts may have changed
        latest = Witness(_ACCOUNTS)
        if _groups() != self._groups:
            return True
        self._accounts = latest
        return False


def _account() -> tuple[Any, ...]:
    """Return home, group and shell of this user, empty when the user database does not know them."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:
        return ("", -1, "", "")
    return (entry.pw_dir, entry.pw_gid, entry.pw_shell, entry.pw_name)


def _groups() -> tuple[Any, ...]:
    account = _account()
    _home, group, _shell, name = account
    return (account, sorted(os.getgrouplist(name, group)) if name else ())
