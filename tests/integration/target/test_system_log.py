# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""On a host with a system log or a journal, modules write to it, and their runner is used again all the same."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.integration.target.conftest import Bench, answer
from tests.integration.target.test_reuse import PID

# A /dev with a log in it, for one interpreter and what it starts. Arguments: a directory, the socket, the interpreter.
NAMESPACE = """
set -e
mount -t tmpfs none "$1"
for name in null zero full random urandom; do : > "$1/$name"; mount --bind /dev/$name "$1/$name"; done
ln -s /proc/self/fd "$1/fd"
ln -s "$2" "$1/log"
mount --move "$1" /dev
shift 2
exec "$@"
"""

# A /run with a booted systemd in it. Arguments: a directory, the journal's socket, the interpreter.
BOOTED = """
set -e
mkdir -p "$1/systemd/system" "$1/systemd/journal"
ln -s "$2" "$1/systemd/journal/socket"
mount --bind "$1" /run
shift 2
exec "$@"
"""
PYTHON = "/usr/bin/python3"
LEAKS = """
import os, socket
left = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).detach()
AnsibleModule(argument_spec={}).exit_json(pid=os.getpid())
"""


def in_a_namespace(bench: Bench, folder: Path, program: str, interpreter: str) -> Path:
    """Have the bench run an interpreter where a program has made a place; return where its log's socket is to be."""
    place, path, wrapper = folder / "place", folder / "log", folder / "python"
    place.mkdir()
    words = ["unshare", "--mount", "sh", "-c", program, "sh", str(place), str(path), interpreter]
    wrapper.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    wrapper.chmod(0o755)
    bench.interpreter = str(wrapper)
    return path


def log_of_three_runs(bench: Bench, path: Path) -> tuple[set[int], list[bytes]]:
    """Run a module three times where a log listens; return the processes that ran it, and what the log was told."""
    module = bench.module("pid", PID)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(30)
        pids = {answer(bench.run(module, {"word": "secret"}, reuse=True))["pid"] for _ in range(3)}
        told = [log.recv(4096) for _ in range(3)]
    assert all(b"Invoked with word=NOT_LOGGING_PARAMETER" in one for one in told)
    return pids, told


needs_root = pytest.mark.skipif(
    os.getuid() != 0 or not sys.platform.startswith("linux"), reason="needs root on Linux for directories of its own"
)


@needs_root
def test_a_module_that_writes_to_the_system_log(bench: Bench, tmp_path: Path) -> None:
    path = in_a_namespace(bench, tmp_path, NAMESPACE, sys.executable)
    pids, _told = log_of_three_runs(bench, path)
    assert len(pids) == 1


@needs_root
@pytest.mark.skipif(
    subprocess.run([PYTHON, "-c", "import systemd.journal"], capture_output=True, check=False).returncode != 0,
    reason=f"{PYTHON} has no systemd.journal (on Debian: apt install python3-systemd)",
)
def test_a_module_that_writes_to_the_journal(bench: Bench, tmp_path: Path) -> None:
    path = in_a_namespace(bench, tmp_path, BOOTED, PYTHON)
    pids, told = log_of_three_runs(bench, path)
    assert len(pids) == 1
    assert b"SYSLOG_FACILITY" in told[0]
    # another such socket is one that the module has left open
    assert answer(bench.run(bench.module("leaks", LEAKS), reuse=True))["pid"] in pids
    assert answer(bench.run(bench.module("pid", PID), reuse=True))["pid"] not in pids
