# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copy a file of a managed host to the controller: the other direction of files.py.

The agent reads pieces on request and keeps no state. A file that only grows while it is copied (a log) arrives as it
was when the copy began; one that was replaced, cut or rewritten meanwhile is an error.
"""

from __future__ import annotations

from contextlib import closing
from typing import TYPE_CHECKING, Any, Protocol

from ansible_svc.errors import MalformedError
from ansible_svc.store import SourceChangedError
from ansible_svc.store.digests import hasher
from ansible_svc.target.blobs import CHUNK_BYTES, WIDEST, in_order
from ansible_svc.target.file_writer import AtomicFile

if TYPE_CHECKING:
    from ansible_svc.target.blobs import PendingChunk

#: Types of the fields of an answer of `file_reader.read_piece`.
_PIECE = {"data": bytes, "size": int, "mode": int, "file": list, "changed": int}


class AskAgent(Protocol):
    """Send a call to an agent: ``functools.partial(call_async, context, agent_service)`` is one."""

    def __call__(self, method: str, **kwargs: Any) -> PendingChunk:
        """Return at once."""


def download(ask: AskAgent, path: str, local_path: str, timeout_s: float | None = None, widest: int = WIDEST) -> int:
    """Copy *path* of a host to *local_path* and return its size in bytes.

    The agent must expose `file_reader.read_piece` as ``read_piece(path, offset, length)`` and
    `file_reader.digest_prefix` as ``digest_prefix(path, length)``. The local file appears as a whole or not at all, if
    it is new with the permission bits of the remote one less the umask. A few chunks are in memory at any time.

    Parameters:
        ask: sends a call to the agent.
        path: the file on the host.
        local_path: where to put it; a symlink there is followed.
        timeout_s: how long the host may take to answer for one piece; None for ever.
        widest: how many pieces may be on their way at any time.

    Raises:
        FileAccessError: one of the files cannot be read or written; names it.
        SourceChangedError: the file was changed, other than by growing, while it was copied.
        MalformedError: the host answers something else than pieces of a file.
        Error: what else can end a call.
    """

    def ask_for(offset: int) -> PendingChunk:
        return ask("read_piece", timeout_s=timeout_s, path=path, offset=offset, length=CHUNK_BYTES)

    first = _checked(path, ask_for(0).result())
    size = first["size"]
    running = hasher()
    untouched = True
    have = 0
    with AtomicFile(local_path) as file:

        def take(data: bytes) -> None:
            nonlocal have
            file.write(data)
            running.update(data)
            have += len(data)

        if size == 0:
            # Files of /proc have content but no size.
            piece = first
            while piece["data"]:
                take(piece["data"])
                piece = _checked(path, ask_for(have).result())
        else:
            take(first["data"][:size])
            with closing(in_order(ask_for, range(CHUNK_BYTES, size, CHUNK_BYTES), widest=widest)) as answers:
                for answer in answers:
                    piece = _checked(path, answer)
                    if piece["file"] != first["file"]:
                        raise _changed(path)
                    untouched = untouched and piece["changed"] == first["changed"]
                    take(piece["data"][: size - have])
            if have != size:
                raise _changed(path)
            if not untouched and ask("digest_prefix", timeout_s=timeout_s, path=path, length=size).result() != (
                running.hexdigest()
            ):
                raise _changed(path)
        file.commit(creation_mode=first["mode"] & 0o777 | 0o200)
    return have


def _checked(path: str, answer: Any) -> dict[str, Any]:
    """Return what a host answered if it has the form of a piece.

    Raises:
        MalformedError: it has not.
    """
    if not isinstance(answer, dict) or any(not isinstance(answer.get(name), kind) for name, kind in _PIECE.items()):
        raise MalformedError(f"no piece of a file: the answer for {path}")
    return answer


def _changed(path: str) -> SourceChangedError:
    return SourceChangedError(f"file changed while it was fetched: {path}", {"path": path})
