# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run steps in a throw-away private host, and end it for certain.

A private host is a set of namespaces (mount, pid, net, ipc, uts) whose root is an overlay of this machine's files.
What a step writes goes to the upper directory; its processes die with the namespace; its network is a loopback of its
own, so that several hosts have an sshd on port 22 at once. This file is the outer half; inside.py is the inner one.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from tests.conformance.errors import ConformanceError

_REPOSITORY = Path(__file__).resolve().parents[2]
_NAMESPACES = ("--mount", "--pid", "--ipc", "--uts")
_TIMED_OUT_RC = 124  # as timeout(1)
_STOP_LATENCY_S = 0.5
_SYSTEM_ENVIRONMENT = ("PATH", "HOME", "LANG", "LC_ALL", "http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL")


@dataclass(frozen=True)
class Step:
    """Describe one command: argv, its whole environment and its working directory as seen inside."""

    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str]
    cwd: str = "/"


@dataclass(frozen=True)
class Overlay:
    """Name the directories that are laid over this machine's root.

    layers is ordered from bottom to top; the last takes what is written and may be filled beforehand, the others are
    only read. scratch is created for the time of the run and removed after it.
    """

    layers: tuple[Path, ...]
    scratch: Path


@dataclass(frozen=True)
class Outcome:
    """Tell how the steps went: rc 0 when all passed, else that of the first that failed, and where."""

    rc: int
    seconds: float
    failed_step: str = ""
    timed_out: bool = False
    step_seconds: Mapping[str, float] = field(default_factory=dict)


def run(
    overlay: Overlay,
    steps: Sequence[Step],
    log: Path,
    *,
    time_limit_s: float,
    nice: int = 0,
    network: bool = False,
    stop: threading.Event | None = None,
) -> Outcome:
    """Run `steps` one after the other until one fails; their output goes to the file `log`.

    network=True leaves the machine's network in place (for installing packages); then there is no sshd.
    Setting `stop`, from any thread, ends the host like a time limit. Raises ConformanceError when the private host
    could not be set up.
    """
    overlay.scratch.mkdir(parents=True)
    try:
        spec = overlay.scratch / "spec.json"
        spec.write_text(
            json.dumps(
                {
                    "layers": [str(path) for path in overlay.layers],
                    "scratch": str(overlay.scratch),
                    "private_network": not network,
                    "steps": [asdict(step) for step in steps],
                }
            )
        )
        command = _command(spec, nice=nice, network=network)
        return _watch(command, log, time_limit_s, stop or threading.Event())
    finally:
        shutil.rmtree(overlay.scratch)


def system_environment() -> dict[str, str]:
    """Return what a step that uses the machine's own configuration (pip and its index) needs of the environment."""
    return {name: os.environ[name] for name in _SYSTEM_ENVIRONMENT if name in os.environ}


def _command(spec: Path, *, nice: int, network: bool) -> list[str]:
    """Return the command that starts the namespaces; the descriptor to report to is still to be appended.

    The runner dies -> unshare dies -> its child, pid 1 of the namespace, dies -> all in the namespace die.
    """
    command = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", str(nice)]
    command += ["unshare", *_NAMESPACES, *([] if network else ["--net"]), "--fork", "--kill-child=SIGKILL"]
    return [*command, sys.executable, "-m", "tests.conformance.inside", str(spec)]


def _watch(command: Sequence[str], log: Path, time_limit_s: float, stop: threading.Event) -> Outcome:
    """Start the namespaces, wait for the end, the limit or `stop`, and leave no process behind."""
    read_end, write_end = os.pipe()
    started = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(
            [*command, str(write_end)],
            cwd=_REPOSITORY,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            pass_fds=(write_end,),
            start_new_session=True,
        )
    os.close(write_end)
    try:
        while process.poll() is None and not stop.is_set() and time.monotonic() < started + time_limit_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_LATENCY_S)
        timed_out = process.poll() is None
    finally:
        process.kill()
        process.wait()
    seconds = time.monotonic() - started
    with os.fdopen(read_end, encoding="utf-8") as pipe:
        report = [json.loads(line) for line in pipe]
    return _outcome(report, seconds, timed_out, log)


def _outcome(report: Sequence[Mapping[str, object]], seconds: float, timed_out: bool, log: Path) -> Outcome:
    """Read the inner half's report: a line when the host is up, one when a step starts and one when it ends."""
    if not report and not timed_out:
        raise ConformanceError(f"the private host did not come up:\n{log.read_text(errors='replace')[-2000:]}")
    finished = {str(line["step"]): line for line in report if "rc" in line}
    durations = {name: float(str(line["seconds"])) for name, line in finished.items()}
    failed = [name for name, line in finished.items() if line["rc"] != 0]
    if failed:
        return Outcome(int(str(finished[failed[0]]["rc"])), seconds, failed[0], timed_out, durations)
    unfinished = [str(line["step"]) for line in report if "step" in line and str(line["step"]) not in finished]
    if timed_out or unfinished:
        return Outcome(_TIMED_OUT_RC, seconds, (unfinished or ["start"])[0], timed_out, durations)
    return Outcome(0, seconds, "", False, durations)
