# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a task asks of a host, and what it is answered: values, which may cross to another process."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from ansible_svc.engine.preparing import Preparation
    from ansible_svc.services.modules import Bundle
    from ansible_svc.transport.identity import Identity


class Place(NamedTuple):
    """Where to work: a connection identity, and the interpreters to look for when it is made."""

    identity: Identity
    candidates: tuple[str, ...]


class Finished(NamedTuple):
    """How a process on a host ended.

    Attributes:
        rc: exit status; minus the signal's number when a signal ended it.
        out, err: everything it wrote.
        followed: which of the steps that might follow did, and how it ended; None when none did.
    """

    rc: int
    out: bytes
    err: bytes
    followed: tuple[int, Finished] | None = None


class ModuleCall(NamedTuple):
    """A module to run: its bundle and everything that differs from run to run."""

    bundle: Bundle
    path: str
    name: str
    interpreter: str
    arguments: bytes
    environment: dict[str, str]
    open_files: int
    directory: str | None


class Step(NamedTuple):
    """A module that follows another at once, if that one says what is expected.

    Attributes:
        when: conditions, see target.following.
        call: the module; its interpreter is the other's.
        before: what is to be prepared for it, small things only.
    """

    when: tuple[tuple[tuple[str, ...], bool, Any], ...]
    call: ModuleCall
    before: tuple[Preparation, ...]
