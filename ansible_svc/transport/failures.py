# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Why a managed host cannot be worked on, before Ansible's words are put on it."""

from __future__ import annotations

from ansible_svc.errors import Error


class ConnectFailed(Error, ConnectionError):
    """The login did not come about; the text is what the ssh client wrote."""


class NotStarted(Error, OSError):
    """The ssh client itself could not be started; its cause is what the operating system said."""


class HostKeyUnknown(ConnectFailed):
    """ssh asked whether to trust a new host key while a password login was under way."""


class BecomeFailed(Error, PermissionError):
    """Becoming the other user did not come about; the text is what the become program wrote."""


class PasswordMissing(BecomeFailed):
    """The become program asked for a password and there is none."""


class PasswordWrong(BecomeFailed):
    """The become program did not accept the password."""


class BecomeTimeout(BecomeFailed, TimeoutError):
    """The become program did not come to an end of its questions in time; the text is what it wrote."""


class NoPython(Error, LookupError):
    """The host has no Python that the agent can run on; ansible-core's own connection still works there."""
