# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The agent: the service on a managed host through which the controller works there.

It runs in the mitogen child process of one login or become user. It never runs a module itself: processes are started
by zygotes (see spawner.py), so that the agent stays small, threaded and alive.
"""

from __future__ import annotations

import contextlib
import logging
import os
import pwd
import shutil
import sys
import threading

from ansible_svc.service import AllowParents, Deferred, Service, arg_spec, expose, no_reply, optional
from ansible_svc.target.answers import Clock, answer_of, ended_as, interpreter_failure
from ansible_svc.target.apart import answered_apart, begun
from ansible_svc.target.bundles import Bundles
from ansible_svc.target.cache import Cache
from ansible_svc.target.ending import has_ended
from ansible_svc.target.following import chosen
from ansible_svc.target.preparations import Preparations, fetches
from ansible_svc.target.session import Session
from ansible_svc.target.spawner import Outcome, Spawner, ZygoteGone

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable

    from ansible_svc.target.file_writer import FileWriter
    from ansible_svc.target.zygote_boot import Forked


LOG = logging.getLogger("ansible_svc.target")


class AgentService(Service):
    """Run modules and commands on this host.

    Parameters:
        router: mitogen's.
        cache: the cache directory; without one there is none.
        problems: what is to be told to the user, such as a cache that cannot be used; goes along with the next answer.
        neighbour: asks the agent from which this one was started for module code, by digests; see Bundles.complete.
        session: whether this process still is what it would be given now.

    Threads: exposed methods run on the Pool's threads and only hand work to a zygote; the answers come from the
    zygotes' reader threads through Deferred, so that any number of modules may run at once. What waits for content of
    files has a thread of its own (apart.py).
    """

    def __init__(
        self,
        router: Any,
        cache: Cache | None = None,
        problems: list[str] | None = None,
        neighbour: Callable[[list[str]], list[bytes | None]] | None = None,
        session: Session | None = None,
    ) -> None:
        super().__init__(router)
        self._session = session or Session("")
        self._router = router
        self._neighbour = neighbour
        self._cache = cache or Cache(None, 0, LOG.warning)
        self._problems = [] if problems is None else problems
        self._bundles = Bundles(self._cache.blobs, self._cache.code())
        self._files: FileWriter | None = None
        self._preparations = Preparations(self._writer)
        self._spawner: Spawner | None = None

    def on_shutdown(self) -> None:
        """End the zygotes and all that runs in them, and remove what was made for their tasks."""
        if self._spawner is not None:
            self._spawner.close()
        self._preparations.close()
        self._bundles.keep()

    def hello(
        self, sources: Callable[[], dict[str, bytes]], candidates: list[str], forked: Forked | None = None
    ) -> dict[str, Any]:
        """Make the agent ready and tell about this host. Called once, before there is a Pool with this agent in it.

        Parameters:
            sources: returns the zygote's files, name -> source.
            candidates: interpreter names or paths to look for, in order (ansible-core's INTERPRETER_PYTHON_FALLBACK).
            forked: the first zygote of this interpreter.

        Returns python (path of this interpreter), version, pid, user id, home ($HOME), passwd_home (what the user
        database names), the candidates, and found: those of them that exist, as the shell's ``command -v`` prints them.
        """
        self._spawner = Spawner(sources, forked)
        found = [path for path in map(shutil.which, candidates) if path]
        return {
            "python": sys.executable,
            "version": list(sys.version_info[:3]),
            "pid": os.getpid(),
            "uid": os.getuid(),
            "home": os.path.expanduser("~"),
            "passwd_home": _passwd_home(),
            "candidates": candidates,
            "found": found,
            "problems": self._take_problems(),
        }

    @expose(policy=AllowParents(), wants_request=True)
    @arg_spec(
        {
            "bundle": str,
            "pack": bytes,
            "interpreter": str,
            "module": dict,
            "arguments": bytes,
            "before": list,
            "then": optional(list),
            "timed": optional(bool),
            "anyway": optional(bool),
        }
    )
    def run_module(
        self,
        bundle: str,
        pack: bytes,
        interpreter: str,
        module: dict[str, Any],
        arguments: bytes,
        before: list[dict[str, Any]],
        request: Any,
        then: list[dict[str, Any]] | None = None,
        timed: bool = False,
        anyway: bool = False,
    ) -> Any:
        """Run one Ansible module in a runner.

        Parameters:
            bundle: its name.
            pack: blobs that it may lack here, see Bundles.add.
            interpreter: path of the Python to run it with.
            module: fqn, name, profile, env, cwd, nofile, reuse (see zygote.py).
            arguments: JSON with ANSIBLE_MODULE_ARGS.
            before: preparations, see preparations.py.
            then: what may follow at once with the same interpreter, see following.py.
            timed: say how long it took.
            anyway: run it even in an outdated session.

        Returns {"rc", "out", "err"}, with "followed" and "then" if one followed (its index, and how it ended), with
        "took" if timed ([seconds to make ready, seconds it ran]); or {"missing": digests} when it lacks parts of a
        bundle (a bundle's name: everything), {"unusable": reason} when that interpreter cannot serve as a zygote, or
        {"outdated": True}, see session.py. In these cases the module was not started.
        """
        if not anyway and self._session.is_outdated():
            return {"outdated": True}
        clock = Clock() if timed else None
        held = self._bundles.add(pack)
        steps = then or []
        missing = [
            digest for name in dict.fromkeys([bundle, *_bundles_of(steps)]) for digest in self._lacks(name, held)
        ]
        if missing:
            return {"missing": list(dict.fromkeys(missing))}
        answer = Deferred()

        def finished(result: dict[str, Any]) -> None:
            index = chosen(steps, result["out"]) if steps and result.get("rc") == 0 else None
            if index is None:
                answer.resolve(self._completed(result, clock))
                return
            # Not here: this is the thread that reads everything a zygote answers.
            threading.Thread(target=follow, args=(result, index), name="svc-following", daemon=True).start()

        def follow(result: dict[str, Any], index: int) -> None:
            step = steps[index]

            def followed(second: dict[str, Any]) -> None:
                answer.resolve(self._completed(dict(result, followed=index, then=second), clock))

            try:
                self._preparations.carry_out(step["before"], request)
                failure = self._start(
                    step["bundle"], held, interpreter, step["module"], step["arguments"], followed, request
                )
            except Exception as error:
                LOG.debug("what was to follow could not be started: %s", error)
                failure = {}
            if failure is not None:  # the controller goes on from here as if nothing had been to follow
                self._preparations.undo(step["before"])
                answer.resolve(self._completed(result, clock))

        def begin() -> dict[str, Any] | None:
            self._preparations.carry_out(before, request)
            if clock is not None:
                clock.ready()
            failure = self._start(bundle, held, interpreter, module, arguments, finished, request)
            if failure is not None and "missing" in failure:
                self._preparations.undo(before)  # it will come again with them
            self._bundles.keep()
            return failure

        return begun(begin, answer, apart=fetches(before))

    def _lacks(self, bundle: str, held: dict[str, bytes]) -> list[str]:
        """Return the digests of what a bundle lacks here and where this agent may ask for it."""
        missing = self._bundles.missing(bundle, held)
        if missing and self._neighbour is not None:
            missing = self._bundles.complete(bundle, self._neighbour, held)
        return missing

    def _start(
        self,
        bundle: str,
        held: dict[str, bytes],
        interpreter: str,
        module: dict[str, Any],
        arguments: bytes,
        finished: Callable[[dict[str, Any]], None],
        request: Any,
    ) -> dict[str, Any] | None:
        """Start a module in a zygote. Returns None, or what to answer because it was not started.

        Parameters:
            held: blobs that came with the request.
            finished: called with the answer, on the zygote's reader thread.
            request: whose end ends the module.
        """
        with contextlib.ExitStack() as stack:
            try:
                zygote = stack.enter_context(self._ready().zygote(interpreter, self._bundles.files(bundle)))
            except OSError as error:
                return interpreter_failure(interpreter, error)
            parts, missing = self._bundles.parts_for(bundle, zygote, held)
            if missing:
                return {"missing": missing}

            def ended(outcome: Outcome) -> None:
                unusable = outcome.error is not None and not zygote.answered
                finished({"unusable": outcome.error} if unusable else ended_as(outcome))

            try:
                number = zygote.start(
                    dict(module, op="run", bundle=bundle),
                    arguments,
                    ended,
                    before=lambda: self._bundles.frames_for(bundle, zygote, parts),
                )
            except ZygoteGone as gone:
                return {"unusable": str(gone)}
        request.on_cancel(lambda: zygote.kill(number))
        return None

    def _completed(self, result: dict[str, Any], clock: Clock | None) -> dict[str, Any]:
        """Return an answer with what else is to be told."""
        if "unusable" not in result:
            if clock is not None:
                result["took"] = clock.took()
            if self._problems:
                result["problems"] = self._take_problems()
        return result

    @expose(policy=AllowParents(), wants_request=True)
    @arg_spec(
        {
            "argv": list,
            "stdin": bytes,
            "cwd": (str, type(None)),
            "env": dict,
            "pty": bool,
            "before": list,
            "timed": optional(bool),
            "anyway": optional(bool),
        }
    )
    def exec_command(
        self,
        argv: list[str],
        stdin: bytes,
        cwd: str | None,
        env: dict[str, str],
        pty: bool,
        before: list[dict[str, Any]],
        request: Any,
        timed: bool = False,
        anyway: bool = False,
    ) -> Any:
        """Run a command and return {"rc", "out", "err"} when it has ended, and "took" if timed as run_module does.

        Returns {"outdated": True} as run_module does, and did not run it then.

        Parameters:
            argv: program and arguments.
            stdin: its standard input.
            cwd: directory to run in, None for the one the agent was started in.
            env: variables to add to the agent's environment.
            pty: give it a terminal; then out has both outputs and err is empty.
            before: preparations, see preparations.py.
            anyway: run it even in an outdated session.
        """
        if not anyway and self._session.is_outdated():
            return {"outdated": True}
        clock = Clock() if timed else None
        answer = Deferred()
        header: dict[str, object] = {"op": "exec", "argv": argv, "cwd": cwd, "env": env, "pty": pty}

        def begin() -> None:
            self._preparations.carry_out(before, request)
            if clock is not None:
                clock.ready()
            with self._ready().zygote(sys.executable) as zygote:
                number = zygote.start(header, stdin, lambda outcome: answer.resolve(answer_of(outcome, clock)))
            request.on_cancel(lambda: zygote.kill(number))

        return begun(begin, answer, apart=fetches(before))

    @expose(policy=AllowParents(), wants_request=True)
    @arg_spec({"before": list})
    def prepare(self, before: list[dict[str, Any]], request: Any) -> Any:
        """Carry out preparations that no module or command follows at once; see preparations.py."""

        def work() -> None:
            self._preparations.carry_out(before, request)

        return answered_apart(work) if fetches(before) else work()

    @no_reply()
    @expose(policy=AllowParents())
    @arg_spec({"path": str})
    def remove(self, path: str) -> None:
        """Remove what was prepared; nobody waits for it. A failure is logged to the controller."""
        self._preparations.remove(path)

    @expose(policy=AllowParents())
    @arg_spec({"pid": int, "seconds": int})
    def wait_gone(self, pid: int, seconds: int) -> Any:
        """Wait until a process of this host has ended, at most so many seconds; tell whether it has."""
        return answered_apart(lambda: has_ended(pid, seconds))

    @expose(policy=AllowParents())
    @arg_spec({"path": str, "offset": int, "length": int})
    def read_piece(self, path: str, offset: int, length: int) -> dict[str, Any]:
        """Return a piece of a file; see file_reader.read_piece."""
        from ansible_svc.target.file_reader import read_piece

        return read_piece(path, offset, length)

    @expose(policy=AllowParents())
    @arg_spec({"path": str, "length": int})
    def digest_prefix(self, path: str, length: int) -> str:
        """Return the digest of a file's beginning; see file_reader.digest_prefix."""
        from ansible_svc.target.file_reader import digest_prefix

        return digest_prefix(path, length)

    def _take_problems(self) -> list[str]:
        """Return what is to be told to the user, once."""
        taken = []
        while self._problems:
            taken.append(self._problems.pop(0))
        return taken

    def _writer(self) -> FileWriter:
        """Return the file writer; its code is fetched when the first file is written."""
        if self._files is None:
            from ansible_svc.target.blobs import fetch_from
            from ansible_svc.target.file_writer import FileWriter

            self._files = FileWriter(fetch_from(self._router))
        return self._files

    def _ready(self) -> Spawner:
        if self._spawner is None:
            raise RuntimeError("the agent has not been told hello")
        return self._spawner


def _bundles_of(steps: list[dict[str, Any]]) -> list[str]:
    return [step["bundle"] for step in steps]


def _passwd_home() -> str:
    """Return the home directory that the user database names, $HOME when it does not know this user."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:
        return os.path.expanduser("~")
