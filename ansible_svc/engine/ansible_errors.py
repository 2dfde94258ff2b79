# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Put Ansible's words on our errors, in one place, at the edge to ansible-core."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import Any

from ansible.errors import AnsibleConnectionFailure, AnsibleError

from ansible_svc.engine.running import current_run
from ansible_svc.errors import CancelledError, DisconnectedError, Error, PoolClosedError, RemoteError
from ansible_svc.transport.failures import (
    BecomeFailed,
    BecomeTimeout,
    ConnectFailed,
    HostKeyUnknown,
    NoPython,
    NotStarted,
    PasswordMissing,
    PasswordWrong,
)

_HOST_KEY_WORDS = (
    "Using a SSH password instead of a key is not possible because Host Key checking is enabled. "
    "Please add this host's fingerprint to your known_hosts file to manage this host."
)


@contextlib.contextmanager
def as_ansible(connection: Any, doing: str = "") -> Iterator[None]:
    """Turn our errors into those that ansible-core's plugins raise in the same case.

    Parameters:
        connection: for its become plugin's name and the host.
        doing: what was attempted, for errors that the remote operating system gave.

    The causes are left out: ansible-core joins the messages of a chain, and these words are complete.

    NoPython and BecomeFailed pass: the first is answered by going another way, the second by a result. A run that was
    broken off ends with BrokenOff.
    """
    try:
        yield
    except HostKeyUnknown:
        raise AnsibleError(_HOST_KEY_WORDS) from None
    except NotStarted as error:
        raise AnsibleError("Unable to execute ssh command line on a controller.") from _in_bytes(error.__cause__)
    except ConnectFailed as error:
        raise _ssh_failure(connection, str(error)) from None
    except PasswordMissing:
        raise AnsibleError(f"Missing {connection.become.name} password") from None
    except PasswordWrong:
        raise AnsibleError(f"Incorrect {connection.become.name} password") from None
    except BecomeTimeout:
        raise AnsibleConnectionFailure(connection.svc_become_late()) from None
    except (NoPython, BecomeFailed):
        raise
    except (DisconnectedError, PoolClosedError, CancelledError):
        current_run().end_if_cancelled()
        raise _ssh_failure(connection, f"Connection to {connection._play_context.remote_addr} closed.") from None
    except RemoteError as error:
        raise AnsibleError(f"{doing or 'the agent on the managed host failed'}: {error}") from None
    except Error as error:
        raise AnsibleError(str(error)) from None


def _in_bytes(said: BaseException | None) -> OSError:
    """Return what the operating system said of a program whose name is bytes, as ansible-core's ssh plugin has it."""
    assert isinstance(said, OSError), said
    name = [os.fsencode(said.filename)] if said.filename else []
    return OSError(said.errno, said.strerror, *name)


def _ssh_failure(connection: Any, said: str) -> AnsibleConnectionFailure:
    """Return the error for what ssh wrote, which a task with ``no_log`` does not show."""
    if connection._play_context.no_log:
        said = "<error censored due to no log>"
    return AnsibleConnectionFailure(f"Failed to connect to the host via ssh: {said}")
