# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The agent's side of its zygotes: start them, hand them work, take their answers.

Owns which zygotes exist and what each of them already holds. Knows nothing of services,
callers or the network.
"""

from __future__ import annotations

import contextlib
import itertools
import socket
import sys
import threading

from ansible_svc.target.frames import FrameReader, encode
from ansible_svc.target.witness import Witness
from ansible_svc.target.zygote_boot import Started

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable, Iterator

    from ansible_svc.target.zygote_boot import Forked

    Finished = Callable[["Outcome"], None]

_BASE_IMPORT_S = 60.0


class Outcome:
    """How a process ended.

    Attributes:
        rc: exit status, or minus the number of the signal that ended it.
        out, err: everything it wrote.
        error: None, or why it could not be started; then errno may tell more.
    """

    def __init__(self, rc: int, out: bytes = b"", err: bytes = b"", error: str | None = None, errno: int = 0) -> None:
        self.rc = rc
        self.out = out
        self.err = err
        self.error = error
        self.errno = errno


class ZygoteGone(Exception):
    """The zygote's process ended; the text is what it wrote to its standard error."""


class Zygote:
    """One running zygote process.

    Parameters:
        interpreter: path of its Python.
        process: what becomes this zygote.

    Threads: any thread may start work; one reader thread calls the ``finished`` functions.
    Guarded by ``_lock``: the waiting functions and what is known of the zygote; never held while writing, since the
    reader needs it. Guarded by ``_order``: what is written, and what was sent before.
    """

    def __init__(self, interpreter: str, process: Forked | Started) -> None:
        self.interpreter = interpreter
        self.bundles: set[str] = set()
        self.blobs: set[str] = set()
        self._base: dict[str, str] | None = None
        self._read_at_start = Witness(())
        self._users = 0
        self._retired = False
        self._base_claimed = False
        self._base_known = threading.Event()
        self._lock = threading.Lock()
        self._order = threading.Lock()
        self._waiting: dict[int, Finished] = {}
        self._numbers = itertools.count(1)
        self._gone: str | None = None
        self._answered = False
        self._process = process
        self._channel = process.channel
        self._write(process.boot)
        self._reader = threading.Thread(target=self._read, name="svc-zygote-reader", daemon=True)
        self._reader.start()

    @property
    def gone(self) -> str | None:
        """None while the process lives; afterwards what it wrote to its standard error."""
        return self._gone

    @property
    def answered(self) -> bool:
        """Tell whether this zygote has imported its base: if not, its interpreter can run no modules."""
        return self._answered

    def serves(self, files: dict[str, str]) -> bool:
        """Tell whether a bundle's files agree, by digest, with all that this zygote has imported.

        The first to ask claims the zygote: its bundle decides what the zygote imports, and it has to send the "base"
        request with its first run. Whoever asks meanwhile waits until that import is over.
        """
        with self._lock:
            if not self._base_claimed:
                self._base_claimed = True
                return True
        self._base_known.wait(_BASE_IMPORT_S)
        with self._lock:
            base = self._base
        if base is None or any(files.get(path) != digest for path, digest in base.items()):
            return False
        return not self.is_outdated()

    def is_outdated(self) -> bool:
        """Tell whether an interpreter that is started now might find other packages, or be another."""
        return self._read_at_start.has_changed()

    def take(self) -> bool:
        """Say that something is about to be started, and whether it may; then give_back() has to follow."""
        with self._lock:
            taken = self._gone is None and not self._retired
            self._users += taken
            return taken

    def give_back(self) -> None:
        """Say that everything is started."""
        with self._lock:
            self._users -= 1

    def retire(self) -> bool:
        """Let nothing more be started unless something runs or is about to; True means that it can be closed now."""
        with self._lock:
            self._retired = not self._waiting and not self._users
            return self._retired

    def start(
        self,
        header: dict[str, object],
        body: bytes,
        finished: Finished,
        before: Callable[[], bytes] = bytes,
    ) -> int:
        """Send a "run" or "exec" request; only between take() and give_back().

        Parameters:
            header: the request without its id.
            body: its body.
            finished: called once with the Outcome, on the reader thread.
            before: called under ``_order``; returns frames to send first.

        Returns the number to give to kill(). Raises ZygoteGone.
        """
        with self._lock:
            if self._gone is not None:
                raise ZygoteGone(self._gone)
            number = next(self._numbers)
            self._waiting[number] = finished
        header["id"] = number
        with self._order:
            self._write(before() + encode(header, body))
        return number

    def kill(self, number: int) -> None:
        """Kill the process group of a running request; nothing happens when it is over already."""
        with self._lock:
            if number not in self._waiting or self._gone is not None:
                return
        with self._order:
            self._write(encode({"op": "kill", "id": number}))

    def close(self) -> None:
        """Close the socket: the zygote kills its runners and ends. Wait for that."""
        with contextlib.suppress(OSError):  # it was gone already
            self._channel.shutdown(socket.SHUT_RDWR)
        self._reader.join()

    def _write(self, data: bytes) -> None:
        with contextlib.suppress(OSError):  # the reader sees the end and fails everything that waits
            self._channel.sendall(data)

    def _read(self) -> None:
        frames = FrameReader()
        while True:
            try:
                data = self._channel.recv(1 << 18)
            except ConnectionError:
                data = b""
            if not data:
                break
            for header, body in frames.feed(data):
                self._answer(header, body)
        with self._process.stderr as stderr:
            text = stderr.read().decode("utf-8", "replace")
        self._process.wait()
        with self._lock:
            self._gone = text
            waiting = list(self._waiting.values())
            self._waiting.clear()
            self._channel.close()
        self._base_known.set()
        for finished in waiting:
            finished(Outcome(-9, error="the process that runs modules on the managed host ended: " + text.strip()))

    def _answer(self, header: dict[str, object], body: bytes) -> None:
        if header["op"] == "based":
            with self._lock:
                self._answered = True
                self._base = header["files"]  # type: ignore[assignment]
                self._read_at_start = Witness([self.interpreter, *header["read"]])  # type: ignore[misc]
            self._base_known.set()
            return
        with self._lock:
            finished = self._waiting.pop(int(header["id"]))  # type: ignore[call-overload]
        if header["op"] == "failed":
            errno = int(header.get("errno") or 0)  # type: ignore[call-overload]
            finished(Outcome(-1, error=str(header["error"]), errno=errno))
            return
        split = int(header["out"])  # type: ignore[call-overload]
        finished(Outcome(int(header["rc"]), body[:split], body[split:]))  # type: ignore[call-overload]


class Spawner:
    """All zygotes of one agent.

    Parameters:
        sources: returns the zygote's files, name -> source, for other interpreters than this one.
        forked: the first zygote of this interpreter.

    Threads: any.
    Guarded by ``_lock``: the table of zygotes, and what was forked. Starting one holds only the lock of its
    interpreter.
    """

    def __init__(self, sources: Callable[[], dict[str, bytes]], forked: Forked | None = None) -> None:
        self._sources = sources
        self._forked = forked
        self._lock = threading.Lock()
        self._zygotes: dict[str, list[Zygote]] = {}
        self._starting: dict[str, threading.Lock] = {}

    @contextlib.contextmanager
    def zygote(self, interpreter: str, files: dict[str, str] | None = None) -> Iterator[Zygote]:
        """Give a live zygote of an interpreter to start something in; start one when there is none that fits.

        Parameters:
            interpreter: path of the Python.
            files: the bundle (path -> digest) that is to run in it; None when any zygote will do.

        Raises OSError when the interpreter cannot be started.
        """
        zygote = self._find(interpreter, files) or self._add(interpreter, files)
        try:
            yield zygote
        finally:
            zygote.give_back()

    def _find(self, interpreter: str, files: dict[str, str] | None) -> Zygote | None:
        """Return a zygote that fits, taken, or None."""
        with self._lock:
            candidates = list(self._zygotes.get(interpreter, ()))
        for zygote in candidates:
            if zygote.gone is None and (files is None or zygote.serves(files)) and zygote.take():
                return zygote
        return None

    def _add(self, interpreter: str, files: dict[str, str] | None) -> Zygote:
        """Start a zygote unless another thread just has; return it, taken."""
        with self._lock:
            starting = self._starting.setdefault(interpreter, threading.Lock())
        with starting:
            found = self._find(interpreter, files)
            if found is not None:
                return found
            zygote = Zygote(interpreter, self._take_forked(interpreter) or Started(interpreter, self._sources()))
            if files is not None:
                zygote.serves(files)
            zygote.take()
            with self._lock:
                others = list(self._zygotes.get(interpreter, ()))
            retired = [other for other in others if other.is_outdated() and other.retire()]
            kept = [other for other in others if other.gone is None and other not in retired]
            with self._lock:
                self._zygotes[interpreter] = [*kept, zygote]
            for other in retired:
                other.close()
            return zygote

    def _take_forked(self, interpreter: str) -> Forked | None:
        """Return what was forked if it is of this interpreter and not yet used."""
        if interpreter != sys.executable:
            return None
        with self._lock:
            forked, self._forked = self._forked, None
        return forked

    def close(self) -> None:
        """End every zygote and everything that runs in them."""
        forked = self._take_forked(sys.executable)
        if forked is not None:
            forked.close()
        with self._lock:
            zygotes = [zygote for group in self._zygotes.values() for zygote in group]
            self._zygotes.clear()
        for zygote in zygotes:
            zygote.close()
