# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What tasks have started on the controller ends with them, however busy it is starting more."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from pathlib import Path

from tests.integration.target.conftest import eventually
from tests.lab.lab import CHECKOUT

# The shell starts processes all the time, as when a lookup is in the middle of it; each would outlive the test.
CONTROLLER = """
import subprocess, sys
from ansible_svc.engine.children import TaskChildren
children = TaskChildren()
script = "i=0; while [ $i -lt 3000 ]; do sleep $1 & echo; i=$((i+1)); done; wait"
busy = subprocess.Popen(["sh", "-c", script, "sh", sys.argv[2]], stdout=open(sys.argv[1], "w"))
while len(open(sys.argv[1]).read()) < 20:
    pass
children.end()
print(busy.wait(20))
"""


# As a shell does for `ansible-playbook site.yml > >(tee log)`, which then becomes ansible-playbook.
INHERITING = """
import os, subprocess, sys
here = os.fork()
if here == 0:
    os.execvp("cat", ["cat"])
from ansible_svc.engine.children import TaskChildren
children = TaskChildren()
ours = subprocess.Popen(["sleep", "600"])
children.end()
print(ours.wait(20), os.waitpid(here, os.WNOHANG), flush=True)
sys.stdin.readline()
"""


def test_a_process_that_was_there_before_is_spared() -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", INHERITING],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with run:
        assert run.stdout is not None
        assert run.stdout.readline() == "-15 (0, 0)\n"
        run.communicate("", 60)  # at the end of input, both of them end


def test_a_process_that_starts_others_all_the_time(tmp_path: Path) -> None:
    started = tmp_path / "started"
    seconds = str(100_000 + os.getpid())  # by which this test's own are known
    run = subprocess.run(
        [sys.executable, "-c", CONTROLLER, str(started), seconds],
        env={**os.environ, "PYTHONPATH": str(CHECKOUT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "-15\n", "")
    assert 20 <= len(started.read_text()) < 3000
    eventually(lambda: not _sleeping(seconds), "the end of all of them")


def _sleeping(seconds: str) -> list[str]:
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            if path.read_bytes().split(b"\0")[:2] == [b"sleep", seconds.encode()]:
                found.append(path.parent.name)
    return found
