# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ansible-svc bench makes of its runs."""

from __future__ import annotations

from typing import Any

from ansible_svc.cli import bench
from ansible_svc.cli._accounting import Cost
from ansible_svc.cli.bench import OURS, STOCK, Run, compare

RECAP = {"web": {"ok": 2, "changed": 1}}


def _run(strategy: str, wall_s: float, cpu_s: float, hosts: dict[str, Any] = RECAP, rc: int = 0, play: str = "") -> Run:
    outcome = {"hosts": hosts, "plays": [{"name": "Play", "strategy": play or strategy}]}
    return Run(strategy, Cost(rc, wall_s, cpu_s), outcome, "")


def test_medians_and_how_many_times_faster() -> None:
    runs = [_run(STOCK, 8.0, 4.0), _run(OURS, 2.0, 1.0), _run(OURS, 3.0, 1.0), _run(STOCK, 12.0, 4.0)]
    report = compare(runs)
    assert report["medians"] == {STOCK: {"wall_s": 10.0, "cpu_s": 4.0}, OURS: {"wall_s": 2.5, "cpu_s": 1.0}}
    assert report["times_faster"] == {"wall_s": 4.0, "cpu_s": 4.0}
    assert report["same_recap"] is True
    assert bench._findings(report) == ["The recaps are the same in all runs."]


def test_recaps_that_differ_are_told_host_by_host() -> None:
    other = {"web": {"ok": 2, "changed": 0}}
    report = compare([_run(STOCK, 1.0, 1.0), _run(OURS, 1.0, 1.0, other)])
    assert report["same_recap"] is False
    assert report["differing_hosts"] == {"web": {STOCK: RECAP["web"], OURS: other["web"]}}
    assert bench._findings(report) == [
        "The recaps differ for web:",
        "  svc_linear: ok=2 changed=0",
        "  linear: ok=2 changed=1",
    ]


def test_a_host_that_only_one_run_saw_is_a_difference() -> None:
    report = compare([_run(STOCK, 1.0, 1.0), _run(OURS, 1.0, 1.0, {})])
    assert report["differing_hosts"] == {"web": {STOCK: RECAP["web"], OURS: None}}
    assert "  svc_linear: not in the recap" in bench._findings(report)


def test_exit_codes_and_strategies_of_plays_are_told() -> None:
    runs = [_run(STOCK, 1.0, 1.0, rc=2, play="free"), _run(OURS, 1.0, 1.0, rc=4, play="free")]
    report = compare(runs)
    assert report["same_recap"] is False
    assert bench._findings(report) == [
        "ansible-playbook ended with 2, 4.",
        "Play Play names the strategy free and ran under it both times.",
    ]
