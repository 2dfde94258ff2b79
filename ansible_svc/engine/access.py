# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Access: all that a task needs of managed hosts and of the Pool, in a few calls.

Everything above (connections, action plugins) works through this interface only; below it are services and contexts.
A forked worker has the same interface over a socket (see fork_gateway.py), so arguments and results are picklable.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ansible_svc.engine.running import current_run
from ansible_svc.services.contexts import ContextService
from ansible_svc.services.files import FileService
from ansible_svc.services.files_download import download
from ansible_svc.services.host import Host
from ansible_svc.services.modules import Bundle, ModuleService
from ansible_svc.store import digest_bytes

if TYPE_CHECKING:
    from ansible_svc.service import Call, Pool
    from ansible_svc.transport.identity import Identity

# Content up to this size is sent along with the request that needs it.
_PUSHED_BYTES = 64 * 1024


@dataclass(frozen=True)
class Place:
    """Where to work: a connection identity, and the interpreters to look for when it is made."""

    identity: Identity
    candidates: tuple[str, ...]


@dataclass(frozen=True)
class Finished:
    """How a process on a host ended.

    Attributes:
        rc: exit status; minus the signal's number when a signal ended it.
        out, err: everything it wrote.
    """

    rc: int
    out: bytes
    err: bytes


@dataclass(frozen=True)
class ModuleCall:
    """A module to run: its bundle and everything that differs from run to run."""

    bundle: Bundle
    path: str
    name: str
    interpreter: str
    arguments: bytes
    environment: dict[str, str]
    open_files: int
    directory: str | None


class Access:
    """In-process access.

    Parameters:
        pool: the controller's Pool.
        contexts, modules, files: services on it.
        count: called with a counter's name and an amount.

    Threads: any.
    """

    def __init__(
        self,
        pool: Pool,
        contexts: ContextService,
        modules: ModuleService,
        files: FileService,
        count: Callable[[str, int], None],
    ) -> None:
        self._pool = pool
        self._contexts = contexts
        self._modules = modules
        self._files = files
        self._count = count

    def facts(self, place: Place) -> dict[str, Any]:
        """Connect if need be and return what the agent told of itself. Raises transport.failures."""
        return self._host(place).facts

    def forget(self, place: Place) -> None:
        """Disconnect from a place's login and from everything reached through it."""
        self._contexts.forget(place.identity.login)

    def bundle(self, name: str, path: str) -> Bundle | None:
        """Return a module's bundle, or None when it is not a new-style Python module; see ModuleService.bundle."""
        bundle: Bundle | None = self._pool.invoke(ModuleService, "bundle", name=name, path=path)
        return bundle

    def run_module(self, place: Place, call: ModuleCall) -> Finished | str:
        """Run a module; a string tells why that interpreter cannot run it natively (it was not started then).

        Raises transport.failures, service errors.
        """
        host = self._host(place)
        bundle = call.bundle
        module = {
            "fqn": bundle.fqn,
            "name": call.name,
            "profile": bundle.profile,
            "nofile": call.open_files,
            "env": call.environment,
            "cwd": call.directory,
        }
        self._modules.count_use(call.path)
        while True:
            manifest, digests = host.lacks(bundle)
            pack = self._modules.pack(digests) if digests else b""
            self._count("bytes_sent", len(pack) + len(call.arguments))
            answer = self._ask(
                host.call_async(
                    "run_module",
                    bundle=bundle.name,
                    manifest=manifest,
                    digests=digests,
                    pack=pack,
                    interpreter=call.interpreter,
                    module=module,
                    arguments=call.arguments,
                )
            )
            if "missing" not in answer:
                break
            if manifest is not None and not answer["missing"]:
                raise RuntimeError(f"the agent on {place.identity.login.host} does not accept bundle {bundle.name}")
            host.forgot(bundle, answer["missing"])
        host.holds(bundle)
        if "unusable" in answer:
            return str(answer["unusable"])
        return Finished(answer["rc"], answer["out"], answer["err"])

    def exec_command(
        self, place: Place, argv: Sequence[str], stdin: bytes, directory: str | None, terminal: bool
    ) -> Finished:
        """Run a command on a host. Raises transport.failures, service errors."""
        self._count("bytes_sent", len(stdin))
        answer = self._ask(
            self._host(place).call_async(
                "exec_command", argv=list(argv), stdin=stdin, cwd=directory, env={}, pty=terminal
            )
        )
        return Finished(answer["rc"], answer["out"], answer["err"])

    def make_directory(self, place: Place, path: str, mode: int) -> str:
        """Create a directory on a host; see AgentService.make_directory."""
        return str(self._ask(self._host(place).call_async("make_directory", path=path, mode=mode)))

    def remove_tree(self, place: Place, path: str) -> None:
        """Remove a file or directory on a host; see AgentService.remove_tree."""
        self._ask(self._host(place).call_async("remove_tree", path=path))

    def add_mode(self, place: Place, paths: Sequence[str], bits: int) -> None:
        """Add permission bits to files on a host; see AgentService.add_mode."""
        self._ask(self._host(place).call_async("add_mode", paths=list(paths), bits=bits))

    def put_file(self, place: Place, local_path: str, path: str) -> None:
        """Copy a file of the controller to a host.

        The file is read once for all hosts. Small content travels with the request; for larger the host is granted
        the digest for as long as the request lasts, and calls back for it in pieces.

        Raises transport.failures, service errors, store.FileAccessError, store.SourceChangedError.
        """
        host = self._host(place)
        offer = self._files.offer(local_path)
        content = self._files.content(offer.digest) if offer.size <= _PUSHED_BYTES else None
        if content is not None:
            self._write_file(host, path, offer.digest, offer.size, offer.mode & 0o777, content)
            self._count("files_pushed", 1)
            return
        with self._files.granted(host.context.context_id, offer.digest):
            self._count("bytes_sent", offer.size)
            self._write_file(host, path, offer.digest, offer.size, offer.mode & 0o777, None)

    def put_bytes(self, place: Place, data: bytes, path: str) -> None:
        """Write a file on a host, readable by its owner only. Raises as put_file."""
        host = self._host(place)
        if len(data) <= _PUSHED_BYTES:
            self._write_file(host, path, digest_bytes(data), len(data), 0o600, data)
            return
        digest = self._files.put(data, keep=True)
        try:
            with self._files.granted(host.context.context_id, digest):
                self._count("bytes_sent", len(data))
                self._write_file(host, path, digest, len(data), 0o600, None)
        finally:
            self._files.discard(digest)

    def fetch_file(self, place: Place, path: str, local_path: str) -> None:
        """Copy a file of a host to the controller. Raises as services.files_download.download."""
        host = self._host(place)
        self._count("round_trips", 1)
        download(host.call_async, path, local_path)

    def _write_file(self, host: Host, path: str, digest: str, size: int, mode: int, content: bytes | None) -> None:
        self._count("bytes_sent", len(content or b""))
        self._ask(host.call_async("write_file", path=path, digest=digest, size=size, mode=mode, content=content))

    def _host(self, place: Place) -> Host:
        return self._contexts.host(place.identity, place.candidates)

    def _ask(self, call: Call) -> Any:
        """Wait for an answer, within the limits of the task that asks."""
        self._count("round_trips", 1)
        return current_run().wait(call)
