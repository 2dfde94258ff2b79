# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a runner does that is used again: run one module after the other, as long as none leaves anything behind.

It speaks frames with its zygote over one socket. A module writes to two files in memory, from which the runner answers.
While it runs, it has a process group of its own, with what it starts in it; in between it is in its zygote's. So
whatever a module has left running in the group shows, and a later kill could not reach it.

Requests:
    learn   bundle: id, files: {path: digest}, digests: [[digest, length], ...]; body: their contents, then marshalled
            {(digest, path): code}
    run     as in zygote.py

Answer:
    done    rc, out: length of standard output in the body (the rest is stderr), loaded: {path: digest} of what was
            imported from bundles for the first time

A runner that is no longer like new gives no answer: it ends with the module's exit status, as if it had been made for
that module alone, and the zygote reads what is in the two files.
"""

from __future__ import annotations

import atexit
import contextvars
import gc
import linecache
import marshal
import os
import socket
import sys

from ansible_svc.target import runner
from ansible_svc.target.audit import State
from ansible_svc.target.frames import FrameReader, cut, encode
from ansible_svc.target.payload import PayloadImporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import NoReturn

    from ansible_svc.target.leftovers import Leftovers

_READ_BYTES = 1 << 18


class ReusedRunner:
    """Serve the zygote that has forked this process.

    Parameters:
        channel: the socket to it.
        importer: already on sys.meta_path.
        blobs: what the importer takes its sources from.
        bundles: the known bundles, by their ids.
        home_group: the zygote's process group, which is of the same session.
        leftovers: where to note what the zygote is to remove should this process be killed.

    Threads: one.
    """

    def __init__(
        self,
        channel: socket.socket,
        importer: PayloadImporter,
        blobs: dict[str, bytes],
        bundles: dict[str, dict[str, str]],
        home_group: int,
        leftovers: Leftovers,
    ) -> None:
        self._channel = channel
        self._frames = FrameReader()
        self._importer = importer
        self._blobs = blobs
        self._bundles = bundles
        self._home_group = home_group
        self._leftovers = leftovers
        self._pid = os.getpid()
        self._loaded: dict[str, tuple[str, str]] = {}
        self._state: State | None = None

    def serve(self) -> NoReturn:
        """Run modules until the zygote closes the socket, or until one leaves something behind."""
        # What was registered by the standard library when the zygote imported it: there is nothing yet to be ended.
        getattr(atexit, "_clear")()  # noqa: B009 - not public
        gc.freeze()
        self._leftovers.watch()
        self._importer.on_loaded = self._on_loaded
        self._state = State(self._is_of_bundle)
        while True:
            data = self._channel.recv(_READ_BYTES)
            if not data:
                os._exit(0)
            for header, body in self._frames.feed(data):
                if header["op"] == "learn":
                    self._learn(header, body)
                else:
                    self._run(header, body)
                del header, body
            del data

    def _learn(self, header: dict[str, object], body: bytes) -> None:
        blobs, codes = cut(header["digests"], body)  # type: ignore[arg-type]
        self._blobs.update(blobs)
        self._importer.add_codes(marshal.loads(codes))  # noqa: S302 - the zygote's own
        self._bundles[str(header["bundle"])] = header["files"]  # type: ignore[assignment]

    def _run(self, header: dict[str, object], arguments: bytes) -> None:
        state = self._state
        assert state is not None
        os.setpgid(0, 0)
        state.began(header.get("env") or {})  # type: ignore[arg-type]
        files = self._bundles[str(header["bundle"])]
        for path in [path for path in self._loaded if path not in files]:
            state.forget(self._loaded.pop(path)[1])
        loaded = len(self._loaded)
        module = runner.ModuleRun(self._importer, header, files, arguments, self._leftovers)
        exit_ = contextvars.Context().run(module.run)
        del module, arguments
        if os.getpid() != self._pid or len(sys._current_frames()) > 1:
            os._exit(runner.settle(exit_))
        status = runner.settle(exit_, alone=True)
        del exit_
        try:
            if state.restore():
                os._exit(status)
            linecache.clearcache()
            gc.collect()
            os.setpgid(0, self._home_group)
            if _has_members(self._pid) or state.changes():
                os._exit(status)
        except Exception:
            os._exit(status)  # not even the look was possible
        if len(self._loaded) > loaded:
            gc.freeze()
        self._answer(status, {path: digest for path, (digest, _name) in list(self._loaded.items())[loaded:]})

    def _answer(self, status: int, loaded: dict[str, str]) -> None:
        out, err = _take(1), _take(2)
        header: dict[str, object] = {"op": "done", "rc": status, "out": len(out)}
        if loaded:
            header["loaded"] = loaded
        self._channel.sendall(encode(header, out + err))

    def _is_of_bundle(self, module: ModuleType) -> bool:
        return getattr(module, "__loader__", None) is self._importer

    def _on_loaded(self, module: ModuleType, path: str, digest: str) -> None:
        self._loaded[path] = digest, module.__name__
        assert self._state is not None
        self._state.loaded(module)


def _has_members(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # a program that has become another user
    return True


def _take(descriptor: int) -> bytes:
    """Return what was written to a file, and empty it."""
    size = os.fstat(descriptor).st_size
    if not size:
        return b""
    data = os.pread(descriptor, size, 0)
    os.ftruncate(descriptor, 0)
    os.lseek(descriptor, 0, os.SEEK_SET)
    return data
