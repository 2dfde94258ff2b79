# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""On a host with a system log, modules write to it, and their runner is used again all the same."""

from __future__ import annotations

import os
import shlex
import socket
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


@pytest.mark.skipif(os.getuid() != 0 or not sys.platform.startswith("linux"), reason="needs root on Linux for a /dev")
def test_a_module_that_writes_to_the_system_log(bench: Bench, tmp_path: Path) -> None:
    devices, path, interpreter = tmp_path / "dev", tmp_path / "log", tmp_path / "python"
    devices.mkdir()
    words = ["unshare", "--mount", "sh", "-c", NAMESPACE, "sh", str(devices), str(path), sys.executable]
    interpreter.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    interpreter.chmod(0o755)
    bench.interpreter = str(interpreter)
    module = bench.module("pid", PID)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as log:
        log.bind(str(path))
        log.settimeout(30)
        pids = set()
        for _ in range(3):
            pids.add(answer(bench.run(module, {"word": "secret"}, reuse=True))["pid"])
            line = log.recv(4096)
            assert b"Invoked with word=NOT_LOGGING_PARAMETER" in line
    assert len(pids) == 1
