# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run under ansible-runner, in one place and in three, as execution nodes do, and under ansible-navigator."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.lab import Lab

pytest.importorskip("ansible_runner", reason="ansible-runner is not installed")

PLAYS = [
    {"hosts": "all", "gather_facts": False, "tasks": [{"name": "look", "command": "echo {{ inventory_hostname }}"}]}
]


@pytest.fixture
def demo(lab: Lab, tmp_path: Path) -> Path:
    """Return a private data directory whose envvars name the strategy."""
    demo = tmp_path / "demo"
    for name in ("env", "inventory", "project"):
        (demo / name).mkdir(parents=True)
    (demo / "project" / "site.yml").write_text(json.dumps(PLAYS))
    shutil.copy(lab.inventory(2), demo / "inventory" / "hosts.yml")
    variables = {
        "ANSIBLE_STRATEGY": "ansible_svc.svc.svc_linear",
        "ANSIBLE_COLLECTIONS_PATH": str(lab.directory / "collections"),
        "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={lab.sshd.known_hosts}",
        "ANSIBLE_SVC_STATS_FILE": str(tmp_path / "stats.json"),
    }
    (demo / "env" / "envvars").write_text(json.dumps(variables))
    return demo


def test_runs_under_runner(lab: Lab, demo: Path, tmp_path: Path) -> None:
    done = _run(_environment(lab), f'{_RUNNER} run "{demo}" -p site.yml --ident one')
    _assert_ran(done, demo, tmp_path)


def test_runs_on_an_execution_node(lab: Lab, demo: Path, tmp_path: Path) -> None:
    node = tmp_path / "node"
    done = _run(
        _environment(lab),
        f'{_RUNNER} transmit "{demo}" -p site.yml --ident one |'
        f' {_RUNNER} worker --private-data-dir "{node}" | {_RUNNER} process "{demo}" --ident one',
    )
    _assert_ran(done, demo, tmp_path)


@pytest.mark.skipif(
    importlib.util.find_spec("ansible_navigator") is None, reason="ansible-navigator is not installed (extra scenarios)"
)
def test_runs_under_navigator_without_a_container(lab: Lab, demo: Path, tmp_path: Path) -> None:
    variables = json.loads((demo / "env" / "envvars").read_text())
    done = _run(
        _environment(lab) | variables,
        f'"{sys.executable}" -m ansible_navigator run "{demo}/project/site.yml" -i "{demo}/inventory/hosts.yml"'
        f' --ee false --mode stdout --log-file "{tmp_path}/navigator.log" --playbook-artifact-enable false',
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.count("changed: [host0") == 2, done.stdout
    _assert_shared(tmp_path)


_RUNNER = f'"{sys.executable}" -m ansible_runner'


def _assert_ran(done: subprocess.CompletedProcess[str], demo: Path, tmp_path: Path) -> None:
    """Check exit code, events and that the tasks went through the pool."""
    assert done.returncode == 0, done.stdout + done.stderr
    artifacts = demo / "artifacts" / "one"
    assert (artifacts / "status").read_text() == "successful"
    events = [json.loads(path.read_text()) for path in (artifacts / "job_events").glob("*-*.json")]
    said = {event["event_data"]["res"]["stdout"] for event in events if event["event"] == "runner_on_ok"}
    assert said == {"host01", "host02"}
    _assert_shared(tmp_path)


def _assert_shared(tmp_path: Path) -> None:
    statistics = json.loads((tmp_path / "stats.json").read_text())
    assert statistics["tasks"]["native"] == 2
    assert statistics["modules"]["names"]["command"]["built"] == 1


def _environment(lab: Lab) -> dict[str, str]:
    environment = lab.env()
    return environment | {"PATH": f"{Path(sys.executable).parent}:{environment['PATH']}"}


def _run(environment: Mapping[str, str], command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", command],
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=os.fspath(Path(sys.executable).parent),
    )
