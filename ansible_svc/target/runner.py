# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a forked child of a zygote does: become a clean process, then run one module.

The module sees what it would see under ansible-core's AnsiballZ wrapper (ansible/_internal/_ansiballz/_wrapper.py)
piped into a fresh interpreter: its own session and process group, nothing to read on standard input, its own
standard output and error, the requested environment, directory and limits, ``sys.argv == ['']``, and no empty entry
in ``sys.path``.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import time

from ansible_svc.target.payload import PayloadImporter

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Iterable, NoReturn, TextIO

    from ansible_svc.target.leftovers import Leftovers

RESPAWN = "ansible/module_utils/common/respawn.py"
_LOADER = "ansible.module_utils._internal._ansiballz._loader"


def detach(stdout: int, stderr: int, close: Iterable[int]) -> None:
    """Make the calling, just forked process one that has nothing of its parent's.

    Parameters:
        stdout, stderr: descriptors that become 1 and 2; 0 becomes /dev/null.
        close: every descriptor of the parent that this process must not hold.
    """
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # what an interpreter starts with
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.dup2(stdout, 1)
    os.dup2(stderr, 2)
    for descriptor in (null, *close):
        if descriptor > 2:
            os.close(descriptor)


def prepare(environment: dict[str, str], directory: str | None, open_files: int) -> None:
    """Set environment, working directory and descriptor limit as the AnsiballZ wrapper does."""
    os.environ.update(environment)
    time.tzset()  # a new interpreter would begin with it, and with what /etc/localtime is now
    if directory:
        os.chdir(directory)
    try:
        os.getcwd()
    except OSError:
        try:
            os.chdir(os.path.expanduser("~"))
        except OSError:
            os.chdir("/")
    if open_files:
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = open_files if hard == resource.RLIM_INFINITY else min(hard, open_files)
        if wanted != soft:
            with contextlib.suppress(ValueError):  # some systems report a hard limit which they do not allow
                resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class ModuleRun:
    """One module of a bundle, to be run in this process.

    Parameters:
        importer: already on sys.meta_path.
        request: "fqn" (dotted name of the module), "name" (short name, for paths), "profile" (ansible-core's
            serialization profile); "env", "cwd", "nofile": see ``prepare``.
        files: the bundle, path -> digest.
        arguments: JSON text with ANSIBLE_MODULE_ARGS, in the profile's encoding.
        leftovers: where to note what somebody else has to remove should this process be killed.
    """

    def __init__(
        self,
        importer: PayloadImporter,
        request: dict[str, object],
        files: dict[str, str],
        arguments: bytes,
        leftovers: Leftovers,
    ) -> None:
        self._importer = importer
        self._request = request
        self._files = files
        self._arguments = arguments
        self._leftovers = leftovers

    def run_and_leave(self) -> NoReturn:
        """Run the module, then end the process with its exit status."""
        os._exit(settle(self.run()))

    def run(self) -> SystemExit | None:
        """Run the module; return the SystemExit that ended it, if one did."""
        try:
            prepare(
                self._request.get("env") or {},  # type: ignore[arg-type]
                self._request.get("cwd"),  # type: ignore[arg-type]
                int(self._request.get("nofile") or 0),  # type: ignore[call-overload]
            )
            self._run_module()
        except SystemExit as exit_:
            return exit_.with_traceback(None)
        except KeyboardInterrupt:
            _show_exception()
            for stream in (sys.stdout, sys.stderr):
                if _is_open(stream):
                    stream.flush()
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # an interpreter dies of the signal, too
            os.kill(os.getpid(), signal.SIGINT)
        except BaseException:
            _show_exception()
            return SystemExit(1)
        return None

    def _run_module(self) -> None:
        """Leave by SystemExit, like any Ansible module."""
        name = str(self._request["name"])
        directory = None
        if RESPAWN in self._files:
            import tempfile

            directory = os.path.realpath(tempfile.mkdtemp(prefix="ansible_%s_payload_" % name))
            self._leftovers.add(directory)
            root = os.path.join(directory, "ansible_%s_payload.zip" % name)
        else:
            root = "/tmp/ansible_%s_payload/ansible_%s_payload.zip" % (name, name)  # noqa: S108 - a name, never opened
        self._importer.use(self._files, root)
        if directory is not None:
            self._importer.write_zip(root)
        sys.argv[:] = [""]
        sys.path[:] = [root, *(entry for entry in sys.path if entry not in ("", "."))]
        try:
            __import__(_LOADER)
            sys.modules[_LOADER].run_module(
                json_params=self._arguments,
                profile=self._request["profile"],
                module_fqn=self._request["fqn"],
                modlib_path=root,
                extensions={},
            )
        finally:
            if directory is not None:
                import shutil

                shutil.rmtree(directory, ignore_errors=True)


def settle(exit_: SystemExit | None, alone: bool = False) -> int:
    """Do what the interpreter does at its end: join threads, run functions at exit, flush.

    Parameters:
        exit_: the SystemExit that ended the module, or None when it returned.
        alone: there are no other threads to join, and there may be some later.

    Returns the exit status.
    """
    import atexit
    import threading

    status = 0
    if exit_ is not None:
        if isinstance(exit_.code, int):
            status = exit_.code
        elif exit_.code is not None:
            if _is_open(sys.stderr):
                print(exit_.code, file=sys.stderr)
            else:
                os.write(2, b"\n")  # all that the interpreter can still say
            status = 1
    if not alone:
        getattr(threading, "_shutdown", lambda: None)()
    try:
        getattr(atexit, "_run_exitfuncs")()  # noqa: B009 - not public, but what Py_Finalize calls
    except BaseException:
        if sys.version_info >= (3, 10):  # older ones have reported it already
            sys.excepthook(*sys.exc_info())
    for stream in (sys.stdout, sys.stderr):
        if not _is_open(stream):
            continue
        try:
            stream.flush()
        except (OSError, ValueError):
            status = status or 120  # as the interpreter does when it cannot flush
    return status & 0xFF


def _is_open(stream: TextIO | None) -> bool:
    return stream is not None and not getattr(stream, "closed", False)


def _show_exception() -> None:
    """Show the exception that is being handled, without the frames of this package."""
    kind, value, trace = sys.exc_info()
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(("<ansible_svc.", "ansible-svc:")):
        trace = trace.tb_next
    if value is not None:
        value = value.with_traceback(trace)
    sys.excepthook(kind, value, trace)  # type: ignore[arg-type]
