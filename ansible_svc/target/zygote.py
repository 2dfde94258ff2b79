# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The zygote: a fresh interpreter that forks a runner for every module.

One zygote serves one interpreter and one user. It imports the base module_utils of its first bundle once and
freezes the garbage collector, so that a fork is all that a module costs before it runs. It also starts plain commands,
because it is the only process here without threads. It speaks frames (see frames.py) with its agent over one socket
and ends, killing every runner's process group, when that socket closes.

Requests (header ``op``):
    blobs   digests: [[digest, length], ...]; body: the contents one after the other
    cache   directory, limit: where compiled code is kept, and how many bytes of it
    bundle  id, files: {path: digest}
    base    bundle: id, modules: [names to import now]
    run     id, bundle, fqn, name, profile, env, cwd, nofile, reuse: whether the runner may have run, and may later run,
            other modules of which this is said; body: arguments
    exec    id, argv, env, cwd, pty; body: standard input
    kill    id

Answers:
    based   files: {path: digest} of everything that the base import loaded; read: see _read_at_start
    done    id, rc (negative: ended by that signal), out: length of standard output in the body (the rest is stderr)
    failed  id, error: why the process could not be started, errno
"""

from __future__ import annotations

import contextlib
import gc
import marshal
import os
import selectors
import signal
import site
import socket
import sys
import time

from ansible_svc.target import runner
from ansible_svc.target.ahead import Ahead
from ansible_svc.target.children import Child, Children
from ansible_svc.target.commands import start_command
from ansible_svc.target.frames import FrameReader, cut, encode
from ansible_svc.target.idle import IdleRunners, Runner, look_at_host
from ansible_svc.target.leftovers import Leftovers
from ansible_svc.target.payload import PayloadImporter
from ansible_svc.target.reuse import ReusedRunner

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Callable

_READ_BYTES = 1 << 18
_CAN_REUSE = hasattr(os, "memfd_create")


class Zygote:
    """The event loop.

    Parameters:
        channel: the socket to the agent.

    Threads: one; runners are forked from it.
    """

    def __init__(self, channel: socket.socket) -> None:
        self._channel = channel
        self._frames = FrameReader()
        self._blobs: dict[str, bytes] = {}
        self._bundles: dict[str, dict[str, str]] = {}
        self._importer = PayloadImporter(self._blobs.__getitem__)
        self._ahead = Ahead(self._importer)
        self._idle = IdleRunners()
        self._runners: dict[int, Runner] = {}
        self._leftovers: dict[int, tuple[int, Leftovers]] = {}
        self._killed: set[int] = set()
        self._selector = selectors.DefaultSelector()
        self._children = Children(self._selector, self._send_done)
        self._wake_read, self._wake_write = os.pipe()
        self._open = True

    def serve(self) -> None:
        """Answer requests until the agent closes the socket."""
        gc.enable()  # one that was forked from an agent's process has it off
        sys.meta_path.insert(0, self._importer)
        for descriptor in (self._wake_read, self._wake_write):
            os.set_blocking(descriptor, False)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        signal.signal(signal.SIGCHLD, lambda number, frame: None)
        self._selector.register(self._channel, selectors.EVENT_READ, self._on_channel)
        self._selector.register(self._wake_read, selectors.EVENT_READ, self._on_wake)
        registered = self._selector.get_map()
        while self._open:
            for key, _mask in self._selector.select(self._idle.patience_s(time.monotonic())):
                # what was handled just before may have closed this descriptor, and even opened it anew
                if registered.get(key.fileobj) is key:
                    key.data(key.fd)
            if self._idle:
                for expired in self._idle.expired(time.monotonic()):
                    self._let_go(expired)
        self._children.kill_all()
        for pid, leftovers in self._leftovers.values():
            if leftovers.paths():
                os.waitpid(pid, 0)  # it may be making something more at this moment
                leftovers.remove()

    # what arrives

    def _on_channel(self, descriptor: int) -> None:
        try:
            data = self._channel.recv(_READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._open = False
            return
        for header, body in self._frames.feed(data):
            handler: Callable[[dict[str, object], bytes], None] = getattr(self, "_do_" + str(header["op"]))
            handler(header, body)

    def _do_blobs(self, header: dict[str, object], body: bytes) -> None:
        blobs, _rest = cut(header["digests"], body)  # type: ignore[arg-type]
        self._blobs.update(blobs)

    def _do_cache(self, header: dict[str, object], body: bytes) -> None:
        self._ahead.keep_in(str(header["directory"]), int(header["limit"]))  # type: ignore[call-overload]

    def _do_bundle(self, header: dict[str, object], body: bytes) -> None:
        self._bundles[str(header["id"])] = header["files"]  # type: ignore[assignment]
        self._ahead.look_for(str(header["id"]))

    def _do_base(self, header: dict[str, object], body: bytes) -> None:
        files = self._ahead.import_base(self._bundles[str(header["bundle"])], header["modules"])  # type: ignore[arg-type]
        self._send({"op": "based", "files": files, "read": _read_at_start()})

    def _do_run(self, header: dict[str, object], body: bytes) -> None:
        bundle = str(header["bundle"])
        files = self._bundles[bundle]
        self._ahead.prepare(bundle, files, str(header["fqn"]))
        if header.get("reuse") and _CAN_REUSE:
            self._run_again(header, bundle, body)
        else:
            self._run_once(header, files, body)
        self._ahead.keep(bundle, files)

    def _run_once(self, header: dict[str, object], files: dict[str, str], body: bytes) -> None:
        out_read, out_write = os.pipe()
        err_read, err_write = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        leftovers = Leftovers()
        pid = os.fork()
        if pid == 0:
            self._in_child(out_write, err_write, (out_read, err_read), header, files, body, leftovers)
        os.close(out_write)
        os.close(err_write)
        self._leftovers[int(header["id"])] = pid, leftovers  # type: ignore[call-overload]
        child = self._children.add(int(header["id"]), pid)  # type: ignore[call-overload]
        self._children.watch(child, out_read, "out")
        self._children.watch(child, err_read, "err")

    def _in_child(
        self,
        out: int,
        err: int,
        ours: tuple[int, ...],
        header: dict[str, object],
        files: dict[str, str],
        body: bytes,
        leftovers: Leftovers,
    ) -> None:
        try:
            signal.set_wakeup_fd(-1)
            os.setsid()
            runner.detach(out, err, [*self._descriptors(), out, err, *ours])
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        leftovers.watch()
        runner.ModuleRun(self._importer, header, files, body, leftovers).run_and_leave()

    def _descriptors(self) -> list[int]:
        """Let go of the selector; return what else this process has open and a child of it must not have."""
        descriptors = [key.fd for key in self._selector.get_map().values()]
        self._selector.close()
        for other in self._runners.values():
            descriptors += other.outputs
        return [*descriptors, self._wake_write]

    # runners that are used again

    def _run_again(self, header: dict[str, object], bundle: str, body: bytes) -> None:
        host = look_at_host()
        taken, outdated = self._idle.take(self._bundles[bundle], host)
        for other in outdated:
            self._let_go(other)
        if taken is None:
            taken = self._fork_runner(host)
        frames = b""
        if bundle not in taken.bundles:
            frames = self._lesson(taken, bundle)
        self._children.add(int(header["id"]), taken.pid).runner = taken  # type: ignore[call-overload]
        taken.leftovers.clear()
        self._leftovers[int(header["id"])] = taken.pid, taken.leftovers  # type: ignore[call-overload]
        # one that has ended meanwhile: what it ended with is on its way
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            taken.channel.sendall(frames + encode(header, body))

    def _fork_runner(self, host: object) -> Runner:
        ours, theirs = socket.socketpair()
        outputs = (os.memfd_create("stdout"), os.memfd_create("stderr"))
        sys.stdout.flush()
        sys.stderr.flush()
        home = os.getpgrp()
        leftovers = Leftovers()
        pid = os.fork()
        if pid == 0:
            try:
                signal.set_wakeup_fd(-1)
                self._channel.detach()
                runner.detach(*outputs, [*self._descriptors(), *outputs, ours.detach()])
                ReusedRunner(theirs, self._importer, self._blobs, self._bundles, home, leftovers).serve()
            except BaseException:
                sys.excepthook(*sys.exc_info())
                os._exit(1)
        theirs.close()
        made = Runner(pid, ours, FrameReader(), outputs, set(self._bundles), set(self._blobs), host, leftovers)
        self._runners[pid] = made
        self._selector.register(ours, selectors.EVENT_READ, lambda fd: self._on_runner(made))
        return made

    def _lesson(self, taken: Runner, bundle: str) -> bytes:
        """Return a frame that teaches a runner a bundle."""
        files = self._bundles[bundle]
        new = [digest for digest in dict.fromkeys(files.values()) if digest not in taken.digests]
        self._ahead.use(files)
        codes = marshal.dumps(self._importer.codes(set(new)))
        taken.bundles.add(bundle)
        taken.digests.update(new)
        digests = [[digest, len(self._blobs[digest])] for digest in new]
        header: dict[str, object] = {"op": "learn", "bundle": bundle, "files": files, "digests": digests}
        return encode(header, b"".join([*(self._blobs[digest] for digest in new), codes]))

    def _on_runner(self, taken: Runner) -> None:
        try:
            data = taken.channel.recv(_READ_BYTES)
        except ConnectionError:
            data = b""
        if not data:
            self._let_go(taken)
            return
        for header, body in taken.frames.feed(data):
            child = self._children.answered(taken.pid)
            self._forget(child.number)
            taken.loaded.update(header.get("loaded") or {})  # type: ignore[call-overload]
            self._send({"op": "done", "id": child.number, "rc": header["rc"], "out": header["out"]}, body)
            for surplus in self._idle.put(taken, time.monotonic()):
                self._let_go(surplus)

    def _let_go(self, taken: Runner) -> None:
        """Close a runner's socket: an idle one then ends. Its files stay until it has."""
        self._idle.drop(taken)
        if taken.channel.fileno() >= 0:
            self._selector.unregister(taken.channel)
            taken.channel.close()

    def _bury(self, pid: int, child: Child | None) -> None:
        """Close what there was for a runner that has ended; keep what its last module wrote."""
        ended = self._runners.pop(pid)
        self._let_go(ended)
        for descriptor, name in zip(ended.outputs, ("out", "err")):
            if child is not None:
                child.output[name] += os.pread(descriptor, os.fstat(descriptor).st_size, 0)
            os.close(descriptor)

    def _do_exec(self, header: dict[str, object], body: bytes) -> None:
        try:
            start_command(self._children, header, body)
        except OSError as error:
            self._send({"op": "failed", "id": header["id"], "error": str(error), "errno": error.errno})

    def _do_kill(self, header: dict[str, object], body: bytes) -> None:
        number = int(header["id"])  # type: ignore[call-overload]
        self._children.kill(number)
        if number in self._leftovers:
            self._killed.add(number)

    def _on_wake(self, descriptor: int) -> None:
        try:
            os.read(descriptor, 4096)
        except BlockingIOError:
            return
        while self._children or self._runners:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            child = self._children.reaped(pid)
            if pid in self._runners:
                self._bury(pid, child)
            if child is not None:
                self._children.ended(child, status)

    def _forget(self, number: int) -> None:
        """Remove what a run has left that was killed here; one that ended otherwise leaves what it leaves."""
        found = self._leftovers.pop(number, None)
        if found is not None and number in self._killed:
            self._killed.remove(number)
            found[1].remove()

    def _send_done(self, child: Child) -> None:
        self._forget(child.number)
        output = child.output
        header: dict[str, object] = {"op": "done", "id": child.number, "rc": child.code, "out": len(output["out"])}
        self._send(header, bytes(output["out"] + output["err"]))

    def _send(self, header: dict[str, object], body: bytes = b"") -> None:
        try:
            self._channel.sendall(encode(header, body))
        except (BrokenPipeError, ConnectionResetError):
            self._open = False


def _read_at_start() -> list[str]:
    """Return the paths of what decides what an interpreter can import: its program, its library, packages' directories.

    A directory of packages that is not there when an interpreter starts is not looked into later, nor are .pth files.
    """
    paths = [sys.executable, os.__file__]
    paths += getattr(site, "getsitepackages", list)()
    if getattr(site, "ENABLE_USER_SITE", False):
        paths.append(site.getusersitepackages())
    return paths


def main(descriptor: int) -> None:
    """Serve the agent at the other end of a socket descriptor, then exit."""
    channel = socket.socket(fileno=descriptor)
    channel.set_inheritable(False)
    Zygote(channel).serve()
