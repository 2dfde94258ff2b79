# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access: all that a task needs of managed hosts and of the Pool, in a few calls.

Everything above (connections, action plugins) works through this interface only; below it are services and contexts.
A forked worker has the same interface over a socket (see fork_gateway.py), so arguments and results are picklable.
"""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from ansible_svc.engine.calls import Finished, ModuleCall, Place, Step
from ansible_svc.engine.preparing import AddMode, CopyFile, MakeDirectory, Preparation, WriteBytes
from ansible_svc.engine.probe import CONNECT, RECEIVE, SEND, TEMPLATE, Span
from ansible_svc.engine.running import Run, current_run
from ansible_svc.names import CACHE_SERVICE
from ansible_svc.services.contexts import ContextService
from ansible_svc.services.files import FileOffer, FileService
from ansible_svc.services.files_download import download
from ansible_svc.services.files_windows import Windows
from ansible_svc.services.host import Host
from ansible_svc.services.modules import Bundle, ModuleService
from ansible_svc.store import FileAccessError, SourceChangedError, digest_bytes

if TYPE_CHECKING:
    from ansible_svc.service import Pool

# Content up to this size is sent along with the request that needs it.
_PUSHED_BYTES = 64 * 1024


class Access:
    """In-process access.

    Parameters:
        pool: the controller's Pool.
        contexts, modules, files: services on it.
        count: called with a counter's name and an amount.
        report: called with a line of text for people who want to know more.

    Threads: any.
    """

    def __init__(
        self,
        pool: Pool,
        contexts: ContextService,
        modules: ModuleService,
        files: FileService,
        count: Callable[[str, int], None],
        report: Callable[[str], object] = str,
    ) -> None:
        self._pool = pool
        self._bundles: dict[str, Bundle | None] = {}  # a second answer to the same question would be the same
        self._contexts = contexts
        self._modules = modules
        self._files = files
        self._windows = Windows()
        self._count = count
        self._report = report

    def facts(self, place: Place) -> dict[str, Any]:
        """Connect if need be and return what the agent told of itself. Raises transport.failures."""
        facts = self._host(place).facts
        current_run().mark(TEMPLATE)
        return facts

    def forget(self, place: Place) -> None:
        """Disconnect from a place's login and from everything reached through it."""
        self._contexts.forget(place.identity.login)

    def log_out(self, place: Place, user: str) -> None:
        """End everything that runs for us as a become user of a place's login; wait for its end."""
        self._contexts.log_out(place.identity.login, user)

    def bundle(self, name: str, path: str, place: Place | None = None) -> Bundle | None:
        """Return a module's bundle, or None when it is not a new-style Python module; see ModuleService.bundle.

        Parameters:
            place: where the module is to run. While it is being made, a connection is made as well.
        """
        run = current_run()
        run.mark(SEND)
        if path not in self._bundles:
            if place is not None and run.uses is not None:
                self._contexts.connect_ahead(place.identity, place.candidates, run.uses)
            self._bundles[path] = self._pool.invoke(ModuleService, "bundle", name=name, path=path)
        return self._bundles[path]

    def run_module(
        self, place: Place, call: ModuleCall, before: Sequence[Preparation] = (), then: Sequence[Step] = ()
    ) -> Finished | str:
        """Run a module after some preparations, and at most one of some others after it.

        Returns how it ended, or why that interpreter cannot run it natively (it was not started then). Raises as
        prepare().
        """
        answer = self._in_session(place, functools.partial(self._run_on, call, before, then))
        self._modules.count_use(call.path)
        if "unusable" in answer:
            return str(answer["unusable"])
        followed = None
        if "followed" in answer:
            self._modules.count_use(then[answer["followed"]].call.path)
            second = answer["then"]
            if "unusable" not in second:
                followed = answer["followed"], Finished(second["rc"], second["out"], second["err"])
        return Finished(answer["rc"], answer["out"], answer["err"], followed)

    def _run_on(
        self, call: ModuleCall, before: Sequence[Preparation], then: Sequence[Step], host: Host, **more: Any
    ) -> dict[str, Any]:
        """Have an agent run a module, and give it what it lacks for that; return its answer."""
        bundle = call.bundle
        bundles = list({made.name: made for made in (bundle, *(step.call.bundle for step in then))}.values())
        with contextlib.ExitStack() as stack:
            wired = stack.enter_context(self._wired(host, before))
            if then:
                more["then"] = [
                    {
                        "when": [[list(names), equal, value] for names, equal, value in step.when],
                        "bundle": step.call.bundle.name,
                        "module": _module(step.call),
                        "arguments": step.call.arguments,
                        "before": stack.enter_context(self._wired(host, step.before)),
                    }
                    for step in then
                ]
            while True:
                digests = list(dict.fromkeys(digest for made in bundles for digest in host.lacks(made)))
                pack = self._modules.pack(digests) if digests else b""
                self._count("bytes_sent", len(pack) + len(call.arguments))
                answer: dict[str, Any] = self._ask(
                    host,
                    "run_module",
                    bundle=bundle.name,
                    pack=pack,
                    interpreter=call.interpreter,
                    module=_module(call),
                    arguments=call.arguments,
                    before=wired,
                    **more,
                )
                if "missing" not in answer:
                    break
                if set(answer["missing"]) <= set(digests):
                    raise RuntimeError(f"the agent on {host.identity.login.host} refuses bundle {bundle.name}")
                for made in bundles:
                    host.forgot(made, answer["missing"])
        if "outdated" not in answer:
            for made in bundles:
                host.holds(made)
        return answer

    def _in_session(self, place: Place, ask: Callable[..., dict[str, Any]]) -> dict[str, Any]:
        """Return what an agent answers, having connected anew if its session was outdated.

        Parameters:
            ask: is given the host, and further arguments for the agent; called a second time for a new session.
        """
        host = self._host(place)
        answer = ask(host)
        if "outdated" in answer:
            self._contexts.renew(host)
            host = self._host(place)
            answer = ask(host, anyway=True)
        self._report_problems(host, answer)
        return answer

    def exec_command(
        self,
        place: Place,
        argv: Sequence[str],
        stdin: bytes,
        directory: str | None,
        terminal: bool,
        before: Sequence[Preparation] = (),
    ) -> Finished:
        """Run a command on a host after some preparations. Raises as prepare()."""
        self._count("bytes_sent", len(stdin))
        command: dict[str, Any] = {"argv": list(argv), "stdin": stdin, "cwd": directory, "env": {}, "pty": terminal}

        def ask(host: Host, **more: Any) -> dict[str, Any]:
            with self._wired(host, before) as wired:
                answer: dict[str, Any] = self._ask(host, "exec_command", **command, before=wired, **more)
            return answer

        answer = self._in_session(place, ask)
        return Finished(answer["rc"], answer["out"], answer["err"])

    def cache(self, place: Place, clear: bool) -> dict[str, Any]:
        """Return what is in the cache directory on a host (see target.cache.Cache.show), and clear it if asked.

        Raises transport.failures, service errors.
        """
        answer: dict[str, Any] = self._host(place).call_service(CACHE_SERVICE, "clear" if clear else "show")
        return answer

    def prepare(self, place: Place, before: Sequence[Preparation]) -> None:
        """Carry out preparations on a host.

        Raises transport.failures, service errors, store.FileAccessError (of a local file), PreparationError.
        """
        host = self._host(place)
        with self._wired(host, before) as wired:
            self._ask(host, "prepare", before=wired)

    def read_small(self, local_path: str, ahead: bool = False) -> tuple[bytes, int] | None:
        """Return the content and the permission bits of a local file that is small enough to travel with a request.

        The file is read once however many tasks ask.

        Parameters:
            local_path: the file.
            ahead: it may not be needed, and is not counted as sent.

        Raises store.FileAccessError, store.SourceChangedError.
        """
        current_run().mark(SEND)
        offer = self._offer(local_path)
        content = self._files.content(offer.digest) if offer.size <= _PUSHED_BYTES else None
        if content is None:
            return None
        if not ahead:
            self._count("files_pushed", 1)
        return content, offer.mode & 0o777

    def checksum(self, local_path: str) -> str | None:
        """Return the sha1 of a local file, which is read once however many tasks ask; None when it cannot be read."""
        try:
            return self._offer(local_path).sha1
        except (FileAccessError, SourceChangedError):
            return None

    def remove(self, place: Place, path: str) -> None:
        """Have a file or directory removed on a host, without waiting for it."""
        uses = current_run().uses
        self._contexts.host(place.identity, place.candidates, uses=uses).notify("remove", path=path)

    def fetch_file(self, place: Place, path: str, local_path: str) -> None:
        """Copy a file of a host to the controller. Raises as services.files_download.download."""
        host = self._host(place)
        self._count("round_trips", 1)
        current_run().mark(RECEIVE)
        with self._windows.share() as widest:
            download(functools.partial(_Piece, host), path, local_path, widest=widest)

    @contextlib.contextmanager
    def _wired(self, host: Host, before: Sequence[Preparation]) -> Iterator[list[dict[str, Any]]]:
        """Give the form in which preparations travel; what the host has to call back for is granted meanwhile.

        A file is read once for all hosts, which fetch it in pieces.
        """
        with contextlib.ExitStack() as grants:
            wired: list[dict[str, Any]] = []
            for preparation in before:
                match preparation:
                    case MakeDirectory(path, mode, own):
                        wired.append({"do": "mkdir", "path": path, "mode": mode, "own": own})
                    case AddMode(paths, bits):
                        wired.append({"do": "add_mode", "paths": list(paths), "bits": bits})
                    case CopyFile(local_path, path):
                        offer = self._offer(local_path)
                        grants.enter_context(self._files.granted(host.context.context_id, offer.digest))
                        widest = grants.enter_context(self._windows.share())
                        write = _write(path, offer.digest, offer.size, offer.mode & 0o777, None)
                        wired.append({**write, "widest": widest})
                    case WriteBytes(path, data, mode):
                        self._count("bytes_sent", len(data))
                        wired.append(_write(path, digest_bytes(data), len(data), mode, data))
            yield wired

    def _offer(self, local_path: str) -> FileOffer:
        """Return what a local file holds. Raises as FileService.offer.

        While one copy is under way it is read again only when it seems to have changed, however new it is.
        """
        offers = current_run().offers
        if offers is None:
            return self._files.offer(local_path)
        offer = offers[local_path] = self._files.offer(local_path, offers.get(local_path))
        return offer

    def _host(self, place: Place) -> Host:
        """Return a host to send something to, connecting if need be."""
        run = current_run()
        run.mark(CONNECT)
        host = self._contexts.host(place.identity, place.candidates, run.wait, run.uses)
        run.mark(SEND)
        self._report_problems(host, host.facts)
        return host

    def _report_problems(self, host: Host, told: dict[str, Any]) -> None:
        """Report what an agent has to tell the user, such as a cache directory that it cannot use, once."""
        if told.get("problems"):
            for text in told.pop("problems", ()):
                self._report(f"svc: {host.identity.login.host}: {text}")

    def _ask(self, host: Host, method: str, **arguments: Any) -> Any:
        """Ask the agent and wait for its answer, within the limits of the task that asks."""
        self._count("round_trips", 1)
        run = current_run()
        if run.span is None:
            return run.ask(host.call_async(method, **arguments))
        return _ask_timed(run, run.span, host, method, arguments)


class _Piece:
    """A call to an agent that is waited for within the limits of the task that asks."""

    def __init__(self, host: Host, method: str, **arguments: Any) -> None:
        self._call = host.call_async(method, **arguments)

    def result(self) -> Any:
        """Wait for the answer."""
        return current_run().ask(self._call)

    def cancel(self) -> None:
        """Want it no longer."""
        self._call.cancel()


def _ask_timed(run: Run, span: Span, host: Host, method: str, arguments: dict[str, Any]) -> Any:
    """Ask the agent as Access does, have it say how long it took, and tell the probe."""
    runs = method in ("run_module", "exec_command")
    if runs:
        arguments["timed"] = True
    call = host.call_async(method, **arguments)
    sent = time.monotonic()
    took: Sequence[float] | None = None
    try:
        answer = run.ask(call)
        if runs:
            took = answer.get("took")
        else:
            took = (time.monotonic() - sent, 0.0)
    finally:
        span.answered(sent, took)
    return answer


def _module(call: ModuleCall) -> dict[str, Any]:
    """Return what the agent is told of a module besides its arguments."""
    module: dict[str, Any] = {
        "fqn": call.bundle.fqn,
        "name": call.name,
        "profile": call.bundle.profile,
        "nofile": call.open_files,
        "env": call.environment,
        "cwd": call.directory,
    }
    if call.bundle.reusable:
        module["reuse"] = True
    return module


def _write(path: str, digest: str, size: int, mode: int, content: bytes | None) -> dict[str, Any]:
    return {"do": "write", "path": path, "digest": digest, "size": size, "mode": mode, "content": content}
