# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run ansible-playbook as a user would, as a process of its own, and keep all it said."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from tests.lab.errors import LabError

EVENTS_VARIABLE = "SVC_LAB_EVENTS"
"""Environment variable with the path that the jsonlines callback writes to."""

_INTERRUPT_GRACE_S = 5.0


@dataclass(frozen=True)
class RunResult:
    """Hold what one run of ansible-playbook gave.

    events are the callback events in the order they came (see plugins/callback/jsonlines.py); wall_s is in seconds.
    """

    command: tuple[str, ...]
    rc: int
    stdout: str
    stderr: str
    wall_s: float
    events: list[dict[str, Any]] = field(default_factory=list)

    def results(self, *, task: str | None = None, host: str | None = None) -> list[dict[str, Any]]:
        """Return the events that end a task on a host, narrowed to a task's name or a host's name."""
        return [
            event
            for event in self.events
            if event["event"] in ("runner_ok", "runner_failed", "runner_skipped", "runner_unreachable")
            and (task is None or event["task"] == task)
            and (host is None or event["host"] == host)
        ]

    def __str__(self) -> str:
        return f"rc={self.rc} after {self.wall_s:.1f} s\n{self.stdout}\n{self.stderr}"


class PlaybookTimeoutError(LabError):
    """Report a run that did not end in time; result holds what it had said until then."""

    def __init__(self, timeout_s: float, result: RunResult) -> None:
        super().__init__(f"ansible-playbook did not end within {timeout_s:g} s\n{result.stdout}\n{result.stderr}")
        self.result = result


def executable() -> list[str]:
    """Return the command that starts the ansible-playbook of this interpreter's environment."""
    script = Path(sys.executable).parent / "ansible-playbook"
    return [str(script)] if script.exists() else [sys.executable, "-m", "ansible", "playbook"]


def run(
    arguments: Sequence[str],
    env: Mapping[str, str],
    cwd: Path,
    timeout_s: float,
    events_path: Path | None,
    command: Sequence[str] = (),
) -> RunResult:
    """Run ansible-playbook (or command) with arguments, without standard input, in a session of its own.

    Raises PlaybookTimeoutError after timeout_s seconds; its whole process group has ended by then. A
    KeyboardInterrupt ends the run too, before it is passed on.
    """
    full = [*(command or executable()), *arguments]
    environment = dict(env)
    if events_path is not None:
        environment[EVENTS_VARIABLE] = str(events_path)
    # Files, not pipes: a pipe is at its end only when every process that inherited it has ended.
    with tempfile.TemporaryFile() as stdout, tempfile.TemporaryFile() as stderr:
        begun = time.monotonic()
        process = subprocess.Popen(
            full,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
        )
        timed_out = False
        try:
            process.wait(timeout_s)
        except subprocess.TimeoutExpired:
            timed_out = True
            _end(process)
        except KeyboardInterrupt:
            _end(process)
            raise
        result = RunResult(
            command=tuple(full),
            rc=process.returncode,
            stdout=_text(stdout),
            stderr=_text(stderr),
            wall_s=time.monotonic() - begun,
            events=read_events(events_path) if events_path is not None else [],
        )
    if timed_out:
        raise PlaybookTimeoutError(timeout_s, result)
    return result


def _end(process: subprocess.Popen[bytes]) -> None:
    """Interrupt the run as Ctrl-C does, and kill its process group when it has not ended soon after."""
    os.killpg(process.pid, signal.SIGINT)
    try:
        process.wait(_INTERRUPT_GRACE_S)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _text(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def read_events(path: Path) -> list[dict[str, Any]]:
    """Return the events in a file of the jsonlines callback; none when no playbook came to start."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text().splitlines()]
