# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What agents keep on managed hosts: it saves sending, and nothing depends on it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.playbook import RunResult

SECRET = "hunter-2-hunter-2"
TASKS = [
    {"ansible.builtin.command": "true", "changed_when": False},
    {"ansible.builtin.copy": {"content": "c0ntent-of-a-file", "dest": "{{ workdir }}/{{ 10**9 | random }}"}},
    {"ansible.builtin.stat": {"path": f"/{SECRET}"}, "no_log": True},
]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """Give the directory for caches; what is in it is not what an earlier test has left."""
    tmp_path.chmod(0o1777)
    for folder in tmp_path.parents[:3]:
        folder.chmod(folder.stat().st_mode | 0o011)
    return tmp_path


def run(lab: Lab, place: Path, statistics: Path, tasks: Any = TASKS, **options: object) -> tuple[RunResult, int]:
    """Run tasks on one host; return the result, and the bytes of module code that were sent."""
    svc = {"cache_dir": place, "stats_file": statistics, **options}
    cfg = lab.ansible_cfg(strategy="svc_linear", sections={"svc": svc})
    result = lab.run_playbook([{"hosts": "all", "gather_facts": False, "tasks": tasks}], cfg=cfg, extra_args=["-v"])
    assert result.rc == 0, result
    return result, json.loads(statistics.read_text())["modules"]["pack_bytes"]


def everything(cache: Path) -> list[Path]:
    return [path for path in cache.rglob("*") if path.is_file() and path.name != "statistics"]


def test_what_was_sent_once_is_not_sent_again(lab: Lab, cache: Path) -> None:
    statistics = cache / "statistics"
    first, sent = run(lab, cache, statistics)
    assert sent > 50_000
    kept = everything(cache)
    assert {path.parent.stat().st_mode & 0o777 for path in kept} == {0o700}
    for text in (SECRET.encode(), b"c0ntent-of-a-file"):
        assert not [path for path in kept if text in path.read_bytes()]
    assert run(lab, cache, statistics)[1] == 0
    # What was tampered with is seen to be, and sent again.
    for path in cache.glob("*/blobs/*"):
        path.write_bytes(b"raise SystemExit('tampered with')")
    for path in cache.glob("*/boot-*"):
        path.write_bytes(b"x" * 100)
    again, sent = run(lab, cache, statistics)
    assert sent > 50_000
    assert "cache" not in first.stdout + again.stdout


def test_without_a_cache_nothing_is_kept(lab: Lab, cache: Path) -> None:
    _result, sent = run(lab, cache, cache / "statistics", tasks=TASKS[:1], cache=False)
    assert sent > 50_000
    assert everything(cache) == []


def command(lab: Lab, cfg: Path, *arguments: str) -> Any:
    finished = subprocess.run(
        [sys.executable, "-m", "ansible_svc.cli", "cache", *arguments],
        env=lab.env(cfg),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    return json.loads(finished.stdout) if "--json" in arguments else finished.stdout


def test_the_command_shows_and_clears_it(lab: Lab, cache: Path) -> None:
    inventory = str(lab.inventory(2))
    run(lab, cache, cache / "statistics", tasks=TASKS[:1])
    cfg = lab.ansible_cfg(sections={"svc": {"cache_dir": cache}})
    shown = command(lab, cfg, "show", "--json", "-i", inventory, "host02")
    assert list(shown) == ["host02"]
    assert shown["host02"]["directory"].startswith(str(cache))
    assert shown["host02"]["files"] == len(everything(cache))
    assert command(lab, cfg, "clear", "--json", "-i", inventory, "host01")["host01"] == shown["host02"]
    assert not list(cache.glob("*/blobs/*"))
