# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the bench to measuring all contenders in one call, and to comparing what they did."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.lab.lab import CHECKOUT

LIMIT_S = 150


def test_one_call_compares_everybody(tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    strategies = ["linear", "mitogen_linear", "svc_linear"]
    named = [word for strategy in strategies for word in ("--strategy", strategy)]
    scale = ["--workload", "1command", "--hosts", "2", "--runs", "1"]
    done = subprocess.run(
        [sys.executable, "-m", "bench.compare", *scale, *named, "--json", figures],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (workload,) = json.loads(figures.read_text())["workloads"]
    assert sorted(run["strategy"] for run in workload["runs"]) == strategies
    for run in workload["runs"]:
        assert min(run["wall_s"], run["controller_s"], run["target_s"]) > 0, run
