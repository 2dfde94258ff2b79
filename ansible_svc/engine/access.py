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
from ansible_svc.services.host import Host
from ansible_svc.services.modules import Bundle, ModuleService

if TYPE_CHECKING:
    from ansible_svc.service import Call, Pool
    from ansible_svc.transport.identity import Identity


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
        self, pool: Pool, contexts: ContextService, modules: ModuleService, count: Callable[[str, int], None]
    ) -> None:
        self._pool = pool
        self._contexts = contexts
        self._modules = modules
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
            "nofile": bundle.open_files,
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

    def _host(self, place: Place) -> Host:
        return self._contexts.host(place.identity, place.candidates)

    def _ask(self, call: Call) -> Any:
        """Wait for an answer, in such a way that the task can be cancelled meanwhile."""
        self._count("round_trips", 1)
        with current_run().waiting_for(call):
            return call.result()
