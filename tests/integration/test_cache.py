# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What agents keep on managed hosts: it saves sending, and nothing depends on it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab, processes
from tests.lab.playbook import RunResult

SECRET = "hunter-2-hunter-2"
TASKS = [
    {"ansible.builtin.command": "true", "changed_when": False},
    {"ansible.builtin.copy": {"content": "c0ntent-of-a-file", "dest": "{{ workdir }}/{{ 1000000000 | random }}"}},
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


def test_what_of_the_agent_is_needed_later_is_kept_then(lab: Lab, cache: Path) -> None:
    """Compiled code names the file that it is from; the archive beside it is compressed."""

    def kept() -> bytes:
        [path] = cache.glob("*/boot-*")
        return path.read_bytes()

    run(lab, cache, cache / "statistics", tasks=TASKS[:1])
    assert b"target/agent" in kept()
    assert b"target/file_writer" not in kept()
    run(lab, cache, cache / "statistics", tasks=TASKS[1:2])
    ends = time.monotonic() + 20
    while b"target/file_writer" not in kept():  # agents may outlive the playbook a little
        assert time.monotonic() < ends
        time.sleep(0.01)


def test_without_a_cache_nothing_is_kept(lab: Lab, cache: Path) -> None:
    _result, sent = run(lab, cache, cache / "statistics", tasks=TASKS[:1], cache=False)
    assert sent > 50_000
    assert everything(cache) == []


MANY: list[dict[str, Any]] = [
    *TASKS,
    *({f"ansible.builtin.{name}": None} for name in ("setup", "ping", "service_facts")),
    {"ansible.builtin.getent": {"database": "passwd", "key": "root"}},
    {"ansible.builtin.user": {"name": "root"}, "check_mode": True},
    {"ansible.builtin.find": {"paths": "{{ workdir }}"}},
]


def test_a_small_one_stays_small_and_fails_nothing(lab: Lab, cache: Path) -> None:
    """One that is larger has more in it, of the same tasks; the agent's own code is in both."""
    kept: dict[int, dict[str, int]] = {}
    for size in (128, 2):
        place = cache / str(size)
        place.mkdir()
        place.chmod(0o1777)
        for _first_and_second in range(2):
            run(lab, place, cache / "statistics", tasks=MANY, cache_size=size)
            assert not processes.wait_gone(lab.processes(), 20)  # agents write to their end
        kept[size] = {
            name: sum(path.stat().st_size for path in place.glob(f"*/{name}"))
            for name in ("boot-*", "blobs/*", "code/*")
        }
    # Blobs exceed their limit by a sixteenth of it at most.
    assert sum(kept[2].values()) < 2**21 + 2**21 // 16 < sum(kept[128].values()), kept
    assert all(kept[2].values()), kept


def started(lab: Lab, cfg: Path, *arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ansible_svc.cli", "cache", *arguments],
        env=lab.env(cfg),
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def command(lab: Lab, cfg: Path, *arguments: str, cwd: Path | None = None) -> Any:
    finished = started(lab, cfg, *arguments, cwd=cwd)
    assert finished.returncode == 0, finished.stdout + finished.stderr
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


def test_an_inventory_may_be_called_like_the_pattern(lab: Lab, tmp_path: Path) -> None:
    # the group of the lab's inventory is `lab`
    shutil.copy(lab.inventory(2), tmp_path / "lab")
    cfg = lab.ansible_cfg()
    assert list(command(lab, cfg, "show", "--json", "-i", "lab", "lab", cwd=tmp_path)) == ["host01", "host02"]
    limited = ("lab", "-i", "lab", "--limit", "host02,host01:!host01")
    assert list(command(lab, cfg, "show", "--json", *limited, cwd=tmp_path)) == ["host02"]


@pytest.mark.parametrize("verb", ["show", "clear"])
def test_a_pattern_that_matches_no_host_is_told_in_ansibles_words(lab: Lab, verb: str) -> None:
    done = started(lab, lab.ansible_cfg(), verb, "-i", str(lab.inventory(1)), "nosuchhost")
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert "ansible-svc: Specified inventory, host pattern and/or --limit leaves us with no hosts to target." in (
        done.stderr.splitlines()
    )
    assert done.stdout == ""
