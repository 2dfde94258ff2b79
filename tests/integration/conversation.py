# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Talk to ansible-playbook on a terminal of its own: wait for words, type an answer, keep all that was shown."""

from __future__ import annotations

import os
import pty
import re
import select
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_POLL_S = 0.02
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[=>]")


class Keys(str):
    """Keys for a prompt that is read key by key, which throws away what was typed before it started to read.

    ansible-core's display.prompt_until makes standard input non-blocking when it has thrown that away.
    """

    __slots__ = ()


@dataclass(frozen=True)
class Said:
    """Hold the exit code and everything that was on the terminal, without carriage returns and escape sequences."""

    rc: int
    text: str


def converse(
    command: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    answers: Sequence[tuple[str, str]],
    timeout_s: float = 90,
) -> Said:
    """Run a command on a terminal and return what was said.

    answers: (words to wait for, what to type then), in order; the words are looked for behind those before them, so a
    prompt that is printed again once it was answered needs an entry for each time, with nothing to type for the second.
    An answer that comes before its prompt would be echoed somewhere else; see also Keys. Raises TimeoutError with what
    there was to read.
    """
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(cwd)
        os.execve(command[0], list(command), dict(env))
    said, read_until, waiting = b"", 0, list(answers)
    limit = time.monotonic() + timeout_s
    try:
        while True:
            ready, _, _ = select.select([terminal], [], [], max(0.0, limit - time.monotonic()))
            if not ready:
                raise TimeoutError(f"waiting for {waiting[:1] or 'the end'}\n{_plain(said)}")
            try:
                part = os.read(terminal, 65536)
            except OSError:  # EIO: all who had the terminal open have ended
                break
            if not part:
                break
            said += part
            while waiting and (found := said.find(waiting[0][0].encode(), read_until)) >= 0:
                words, answer = waiting.pop(0)
                read_until = found + len(words.encode())
                if isinstance(answer, Keys):
                    _wait_for_keys(pid, limit)
                os.write(terminal, answer.encode())
        assert not waiting, f"nobody asked for {waiting}\n{_plain(said)}"
    except BaseException:
        os.killpg(pid, signal.SIGKILL)
        raise
    finally:
        os.close(terminal)
        _, status = os.waitpid(pid, 0)
    return Said(os.waitstatus_to_exitcode(status), _plain(said))


def _wait_for_keys(pid: int, limit: float) -> None:
    """Wait until a process reads its standard input without blocking. Raises TimeoutError."""
    while not _flags_of_stdin(pid) & os.O_NONBLOCK:
        if time.monotonic() > limit:
            raise TimeoutError("nobody reads keys")
        time.sleep(_POLL_S)


def _flags_of_stdin(pid: int) -> int:
    """Return the flags of open(2) that a process' standard input has now (proc_pid_fdinfo(5))."""
    lines = Path("/proc", str(pid), "fdinfo/0").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("flags:")).split()[1], 8)


def _plain(said: bytes) -> str:
    return _ESCAPE.sub("", said.decode(errors="replace").replace("\r", ""))
