# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start plain commands: on pipes, or on a terminal of their own."""

from __future__ import annotations

import errno
import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ansible_svc.target.children import Children


def start_command(children: Children, header: dict[str, object], body: bytes) -> None:
    """Start a command that an "exec" request asks for (see zygote.py). Raises OSError when it cannot be started."""
    import subprocess

    environment = dict(os.environ)
    environment.update(header.get("env") or {})  # type: ignore[call-overload]
    argv = [os.fsencode(argument) for argument in header["argv"]]  # type: ignore[attr-defined]
    directory = header.get("cwd")
    if header.get("pty"):
        _start_on_terminal(children, header, argv, environment, body)
        return
    process = subprocess.Popen(
        argv,
        stdin=subprocess.PIPE if body else subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=directory,  # type: ignore[call-overload]
        env=environment,
        start_new_session=True,
    )
    child = children.add(int(header["id"]), process.pid)  # type: ignore[call-overload]
    children.watch(child, os.dup(process.stdout.fileno()), "out")
    children.watch(child, os.dup(process.stderr.fileno()), "err")
    if body:
        children.feed(child, os.dup(process.stdin.fileno()), body)
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.returncode = 0  # this loop reaps it; Popen must not try


def _start_on_terminal(
    children: Children, header: dict[str, object], argv: list[bytes], environment: dict[str, str], body: bytes
) -> None:
    import pty
    import shutil

    if shutil.which(argv[0]) is None:
        number = errno.EACCES if b"/" in argv[0] and os.path.exists(argv[0]) else errno.ENOENT
        raise OSError(number, os.strerror(number), os.fsdecode(argv[0]))
    pid, terminal = pty.fork()
    if pid == 0:
        try:
            for number in (signal.SIGCHLD, signal.SIGPIPE, signal.SIGXFSZ):
                signal.signal(number, signal.SIG_DFL)
            signal.set_wakeup_fd(-1)
            if header.get("cwd"):
                os.chdir(str(header["cwd"]))
            os.closerange(3, 1024)
            os.execvpe(argv[0], argv, environment)  # noqa: S606
        except BaseException:
            sys.excepthook(*sys.exc_info())
        os._exit(127)
    child = children.add(int(header["id"]), pid)  # type: ignore[call-overload]
    child.terminal = terminal
    children.watch(child, terminal, "out")
