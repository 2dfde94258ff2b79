# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy a file in one round trip.

ansible-core's ``copy`` (and so ``template``) looks at the file on the host, and then runs one of two modules: ``file``
when the content is right already, ``copy`` when it is not. What it will do in each case can be foreseen, by having it
do so: a double of the action is told what the host might say, and is stopped when it runs its next module. What the
doubles would have run travels with the question, and the host goes on with what fits its answer.

When the action itself then asks for exactly the module that has run, it is given that one's result. Should it ask for
another, because the local file has changed meanwhile, that one runs as if nothing had been foreseen.

The action and its doubles compare checksums of the local file, which is read for that once, whatever the number of
hosts (see compat/checksums.py).
"""

from __future__ import annotations

import copy
import functools
from typing import Any

from ansible_svc.compat.checksums import known_by
from ansible_svc.engine.actions import ModuleText, NativeAction
from ansible_svc.engine.calls import Finished, ModuleCall, Step
from ansible_svc.engine.connections import NativeConnection, laid_over
from ansible_svc.engine.preparing import MakeDirectory, Preparation, WriteBytes
from ansible_svc.engine.running import current_run

# Content up to this size is sent along with the question whether it is needed at all.
_SENT_AHEAD_BYTES = 16 * 1024


class _Foreseen(Exception):
    """A double would run this module next."""

    def __init__(self, call: ModuleCall, before: tuple[Preparation, ...]) -> None:
        super().__init__()
        self.call = call
        self.before = before


class _Unforeseeable(Exception):
    """A double needs to know more than it was told."""


class _Told(dict[str, Any]):
    """What a double is told that ``stat`` has found; everything else is unknown."""

    def __missing__(self, name: str) -> Any:
        raise _Unforeseeable(name)


class _Checksum:
    """Stands for the checksum of the file on the host: equal to that of the local file or not, as is supposed.

    Attributes:
        local: what it was compared with.
    """

    __hash__ = None  # type: ignore[assignment]

    def __init__(self, equal: bool) -> None:
        self._equal = equal
        self.local: str | None = None

    def __eq__(self, other: object) -> bool:
        self.local = str(other)
        return self._equal

    def __ne__(self, other: object) -> bool:
        return not self == other


class NativeCopy(NativeAction):
    """ansible-core's ``copy`` that foresees what follows its look at the file; laid over its object by ``adopt``."""

    _svc_copying: tuple[tuple[Any, ...], dict[str, Any]] | None = None
    _svc_followed: tuple[Step, list[Preparation], Finished] | None = None

    def _copy_file(self, *args: Any, **kwargs: Any) -> Any:
        """Copy one file."""
        self._svc_copying = args, kwargs
        try:
            with current_run().copying(), known_by(self.svc_access.checksum):
                return super()._copy_file(*args, **kwargs)
        finally:
            self._svc_copying = self._svc_followed = None

    def _svc_run_module(
        self, connection: NativeConnection, call: ModuleCall, become: bool, then: tuple[Step, ...] = ()
    ) -> Finished | str:
        """Run a module, or return how it ended if it has followed the one before."""
        followed, self._svc_followed = self._svc_followed, None
        if followed is not None:
            step, prepared, finished = followed
            if step.call == call and (not step.before or connection.svc_before == prepared):
                if step.before:
                    connection.svc_before = []
                return finished
        steps = self._svc_foresee(connection, call, become)
        if not steps:
            return super()._svc_run_module(connection, call, become, then)
        held, connection.svc_before = connection.svc_before, []
        try:
            ended = super()._svc_run_module(connection, call, become, steps)
        finally:
            connection.svc_before = held
        if isinstance(ended, Finished) and ended.followed is not None:
            step, last = steps[ended.followed[0]], ended.followed[1]
            if step.before:  # the directory is there now, and what the action adds is what the double has added
                connection.svc_before = []
            self._svc_followed = step, list(step.before[len(held) :]), last
        return ended

    def _svc_foresee(self, connection: NativeConnection, call: ModuleCall, become: bool) -> tuple[Step, ...]:
        """Return what may follow this module, if it is the look at the file."""
        copying, self._svc_copying = self._svc_copying, None
        if copying is None or call.name != "stat":
            return ()
        if not all(isinstance(item, MakeDirectory) for item in connection.svc_before):
            return ()
        found = []
        for exists, equal in ((True, True), (True, False), (False, False)):
            step = self._svc_suppose(copying, exists, equal)
            # preparations are the login's to make, and this goes to somebody else
            if step is not None and step.call.interpreter == call.interpreter and not (become and step.before):
                found.append(step)
        return tuple(found)

    def _svc_suppose(self, copying: tuple[tuple[Any, ...], dict[str, Any]], exists: bool, equal: bool) -> Step | None:
        """Return what would follow if the file is there or not, with this content or another; None if nobody knows."""
        connection = copy.copy(self._connection)
        connection.svc_before = list(self._connection.svc_before)
        native: Any = type(self)
        double = laid_over(self, _double_class(native), self.svc_access)
        compared = _Checksum(equal)
        double._svc_told = _Told(exists=exists, isdir=False, checksum=compared)
        double._connection = connection
        double._loader = _Files(self._loader)
        args, kwargs = copying
        try:
            double._svc_copy_file(*args, **kwargs)
        except _Foreseen as foreseen:
            call, before = foreseen.call, foreseen.before
        except Exception:  # the action itself will meet it, too
            return None
        else:
            return None
        if compared.local is None:
            return None
        when: tuple[tuple[tuple[str, ...], bool, Any], ...] = ((("stat", "exists"), True, exists),)
        if exists:
            when += ((("stat", "isdir"), True, False), (("stat", "checksum"), equal, compared.local))
        return Step(when, call, () if equal else before)


class _Files:
    """Stands for the DataLoader of a double: nothing is decrypted for it, and nothing removed."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def get_real_file(self, file_path: str, decrypt: bool = True) -> Any:
        """Return the path of a file that is not encrypted."""
        with open(self._loader.path_dwim(file_path), "rb") as file:
            if decrypt and file.read(len(_ENCRYPTED)) == _ENCRYPTED:
                raise _Unforeseeable("what is decrypted is for the action alone")
        return self._loader.get_real_file(file_path, decrypt=decrypt)

    def cleanup_tmp_file(self, file_path: str) -> None:
        """Leave a file to the action."""


class _Double(NativeCopy):
    """An action that is told what was found on the host, and gets no further than to its next module."""

    _svc_told: _Told | None

    def _svc_copy_file(self, *args: Any, **kwargs: Any) -> Any:
        return super(NativeCopy, self)._copy_file(*args, **kwargs)

    def _execute_remote_stat(self, *args: Any, **kwargs: Any) -> _Told:
        told, self._svc_told = self._svc_told, None
        if told is None:
            raise _Unforeseeable("another look")
        return told

    def _svc_discover(self, required: Any, task_vars: dict[str, Any], use_vars: dict[str, Any]) -> None:
        raise _Unforeseeable("the interpreter")

    def _remove_tempfile_if_content_defined(self, content: Any, content_tempfile: Any) -> None:
        """Leave it to the action."""

    def _transfer_file(self, local_path: str, remote_path: str) -> str:
        small = self.svc_access.read_small(local_path, ahead=True)
        if small is None or len(small[0]) > _SENT_AHEAD_BYTES:
            raise _Unforeseeable("too large to be sent ahead")
        self._connection.svc_before.append(WriteBytes(remote_path, *small))
        return remote_path

    def _low_level_execute_command(self, cmd: str, *args: Any, in_data: bytes | None = None, **kwargs: Any) -> Any:
        if isinstance(in_data, ModuleText):
            raise _Foreseen(in_data.call, tuple(self._connection.svc_before))
        raise _Unforeseeable(cmd)


_ENCRYPTED = b"$ANSIBLE_VAULT"


@functools.cache
def _double_class(native: Any) -> type[Any]:
    """Return the class of doubles of an action with this class of ours over ansible-core's."""
    return type(native.__name__, (_Double, *native.__bases__[1:]), {"__module__": native.__module__})
