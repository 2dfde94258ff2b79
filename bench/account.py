# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a command and account for the CPU time of everything that comes of it, to the last orphan.

    python bench/account.py REPORT COMMAND...

The process makes itself a child subreaper (prctl(2), PR_SET_CHILD_SUBREAPER): whatever daemonises below it becomes its
own child, and it reaps until nothing is left. So RUSAGE_CHILDREN (getrusage(2)) is the exact sum over all processes,
also short-lived ones, without polling, cgroups or root. Its own CPU time is not in it.

Two lines of JSON go to REPORT: {"rc", "wall_s"} when the command itself has ended, {"user_s", "system_s"} when all of
its descendants have. SIGTERM and SIGINT are passed on to the command.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import Any

_PR_SET_CHILD_SUBREAPER = 36


def main(arguments: list[str]) -> int:
    """Run arguments[1:] to its end, report to arguments[0]; return the command's exit code."""
    path, *command = arguments
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
    with open(path, "w", encoding="ascii") as report:
        begun = time.monotonic()
        child = os.posix_spawnp(command[0], command, os.environ)

        def pass_on(number: int, _frame: Any) -> None:
            try:
                os.kill(child, number)
            except ProcessLookupError:
                return

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, pass_on)
        rc = 0
        while True:
            try:
                pid, status = os.wait()
            except ChildProcessError:
                break
            if pid == child:
                rc = os.waitstatus_to_exitcode(status)
                print(json.dumps({"rc": rc, "wall_s": time.monotonic() - begun}), file=report, flush=True)
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        print(json.dumps({"user_s": usage.ru_utime, "system_s": usage.ru_stime}), file=report, flush=True)
    return rc if rc >= 0 else 128 - rc


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
