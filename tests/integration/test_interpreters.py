# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to linear's choice of the Python that modules run with, and to what it says about it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from ansible.release import __version__ as ansible_release

from tests.integration.twin import BROKEN_PIPE, CANDIDATE, STOCK, Pair, both, inventory
from tests.lab import Lab

VERSIONS = tuple(f"3.{minor}" for minor in range(6, 15))
SUPPORTED = tuple(f"3.{minor}" for minor in range(8 if ansible_release.startswith("2.19.") else 9, 14))
"""Pythons that svc and this ansible-core support on managed hosts (module_utils/basic.py tells the oldest)."""

TELL = "import sys; print('%d.%d %s' % (sys.version_info[0], sys.version_info[1], sys.executable))"


def _interpreters() -> dict[str, Path]:
    """Return one interpreter for each version of VERSIONS that is installed, those that pyenv keeps first."""
    kept = sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python"))
    on_path = [Path(path) for version in VERSIONS if (path := shutil.which(f"python{version}"))]
    found: dict[str, Path] = {}
    for path in [*kept, *on_path]:
        told = subprocess.run([path, "-c", TELL], capture_output=True, text=True, check=False, timeout=20).stdout
        version = told.partition(" ")[0]
        if version in VERSIONS:
            found.setdefault(version, path)
    return found


INTERPRETERS = _interpreters()

TASKS: list[dict[str, Any]] = [
    {"name": "Facts", "ansible.builtin.setup": {"gather_subset": ["!all", "!min", "python"]}},
    {"name": "Command", "ansible.builtin.command": "echo fine", "changed_when": False},
    {"name": "Copy", "ansible.builtin.copy": {"content": "x", "dest": "{{ workdir }}/x", "mode": "0600"}},
    {"name": "Stat", "ansible.builtin.stat": {"path": "{{ workdir }}/x"}},
]


@pytest.fixture(scope="module")
def many(lab: Lab) -> Pair:
    """Run TASKS on a host for each interpreter."""
    hosts = {
        name: {"ansible_python_interpreter": str(path)}
        for name, path in zip(_hosts(), INTERPRETERS.values(), strict=True)
    }
    return both(lab, [_play(TASKS)], inventory(lab, len(INTERPRETERS), hosts), timeout_s=100)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_version_of_python(many: Pair, version: str) -> None:
    if version not in INTERPRETERS:
        pytest.skip(f"there is no Python {version} on this machine")
    host = _hosts()[list(INTERPRETERS).index(version)]
    stock, ours = (
        [(event["task"], event["event"], event["result"].get("msg")) for event in side.run.results(host=host)]
        for side in (many.stock, many.ours)
    )
    assert stock == ours
    if version in SUPPORTED:
        assert [event for _task, event, _msg in ours] == ["runner_ok"] * len(TASKS)
    if stock[0][1] == "runner_ok":
        facts = many.ours.run.results(task="Facts", host=host)[0]["result"]["ansible_facts"]["ansible_python"]
        assert f"{facts['version']['major']}.{facts['version']['minor']}" == version
        assert Path(facts["executable"]).samefile(INTERPRETERS[version])


def test_all_versions_of_python(many: Pair) -> None:
    """Say which of them ansible-core supports on managed hosts, by what linear does."""
    good = [host for host in _hosts() if many.stock.run.results(host=host)[0]["event"] == "runner_ok"]
    assert len(good) >= 1, many.stock.run
    assert many.stock.run.rc == many.ours.run.rc
    assert many.stock.run.events[-1]["hosts"] == many.ours.run.events[-1]["hosts"]
    many.assert_native()


@pytest.mark.parametrize("version", SUPPORTED)
def test_a_host_with_one_version_of_python(lab: Lab, version: str) -> None:
    """So the agent itself runs on it."""
    if version not in INTERPRETERS:
        pytest.skip(f"there is no Python {version} on this machine")
    path = str(INTERPRETERS[version])
    agent = {
        "ansible.builtin.shell": "readlink /proc/[0-9]*/exe | grep -c -x -F {{ real | quote }}",
        "changed_when": False,
    }
    hosts = inventory(
        lab,
        1,
        ansible_python_interpreter="auto_silent",
        ansible_interpreter_python_fallback=[path],
        real=str(INTERPRETERS[version].resolve()),
    )
    pair = both(lab, [_play([*TASKS, {"name": "Processes", **agent}])], hosts)

    for side in (pair.stock, pair.ours):
        assert [event["event"] for event in side.run.results()] == ["runner_ok"] * (len(TASKS) + 1), side.run
        facts = side.run.results(task="Facts")[0]["result"]["ansible_facts"]
        assert (facts["discovered_interpreter_python"], facts["ansible_python"]["version"]["minor"]) == (
            path,
            int(version.partition(".")[2]),
        )
    pair.assert_native()
    if CANDIDATE != STOCK:
        # The agent, its zygote and a runner.
        assert int(pair.ours.run.results(task="Processes")[0]["result"]["stdout"]) >= 3


@pytest.mark.parametrize("mode", ["auto", "auto_silent"])
def test_an_interpreter_is_discovered(lab: Lab, mode: str) -> None:
    hosts = inventory(lab, 2, ansible_python_interpreter=None)
    pair = both(lab, [_play(TASKS[:2])], hosts, interpreter_python=mode)

    pair.assert_equal()
    pair.assert_native()
    assert "discovered_interpreter_python" in str(pair.ours.run.events)


@pytest.mark.parametrize("mode", ["auto_legacy", "auto_legacy_silent"])
def test_an_older_mode_of_discovery(lab: Lab, mode: str) -> None:
    """ansible-core 2.19 and 2.20 take it as a mode, 2.21 as the path of an interpreter."""
    hosts = inventory(lab, 2, ansible_python_interpreter=None)
    pair = both(lab, [_play(TASKS[:2])], hosts, interpreter_python=mode)

    pair.assert_equal()


def test_nothing_is_discovered_for_what_needs_no_python(lab: Lab) -> None:
    tasks = [{"name": "Raw", "ansible.builtin.raw": "echo raw", "changed_when": False}]
    pair = both(lab, [_play(tasks)], inventory(lab, 2, ansible_python_interpreter=None))

    pair.assert_equal()
    pair.assert_native()


def test_discovery_with_a_list_of_our_own(lab: Lab) -> None:
    """The first in the list that exists is taken, and others found are told about."""
    hosts = inventory(
        lab,
        2,
        ansible_python_interpreter="auto",
        ansible_interpreter_python_fallback=["/no/such/python3", "/usr/bin/python3"],
    )
    pair = both(lab, [_play(TASKS[:2])], hosts)

    pair.assert_equal()
    pair.assert_native()


def test_discovery_that_finds_nothing(lab: Lab) -> None:
    hosts = inventory(
        lab, 2, ansible_python_interpreter="auto", ansible_interpreter_python_fallback=["/no/such/python3"]
    )
    pair = both(lab, [_play(TASKS[1:2])], hosts)

    pair.assert_equal()


def test_an_interpreter_with_arguments(lab: Lab) -> None:
    hosts = inventory(lab, 2, ansible_python_interpreter="/usr/bin/env python3")
    pair = both(lab, [_play(TASKS)], hosts)

    told = [(event["event"], event["result"]["msg"]) for event in pair.ours.run.results()]
    assert told == [("runner_failed", "The module interpreter '/usr/bin/env python3' was not found.")] * 2
    if BROKEN_PIPE not in pair.stock.run.stdout:  # linear's ssh may end before a module was written to it
        pair.assert_equal()


def test_the_interpreter_changes_from_task_to_task(lab: Lab) -> None:
    tasks = [
        {**TASKS[0], "name": f"Facts under {version}", "vars": {"ansible_python_interpreter": str(path)}}
        for version, path in INTERPRETERS.items()
        if version in ("3.10", "3.11", "3.12", "3.13")
    ]
    if len(tasks) < 2:
        pytest.skip("one Python is no change")
    pair = both(lab, [_play(tasks)], inventory(lab, 1))

    pair.assert_equal()
    pair.assert_native()


def _hosts() -> list[str]:
    return [f"host{number:02d}" for number in range(1, len(INTERPRETERS) + 1)]


def _play(tasks: list[dict[str, Any]]) -> dict[str, Any]:
    return {"name": "Interpreters", "hosts": "all", "gather_facts": False, "tasks": tasks}


@pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="only Linux tells what a process was started with")
def test_modules_of_the_agents_python_take_no_second_start_of_it(lab: Lab) -> None:
    look = {"ansible.builtin.shell": "tr '\\0' ' ' < /proc/$PPID/cmdline", "changed_when": False}
    tasks = [look, {**look, "vars": {"ansible_python_interpreter": sys.executable}}]
    run = lab.run_playbook([_play(tasks)], cfg=lab.ansible_cfg(strategy="svc_linear"))
    assert run.rc == 0, str(run)
    forked, started = (event["result"]["stdout"] for event in run.results())
    assert forked.split()[-1] == "ansible-svc"
    assert started.split()[0] == sys.executable
    assert "ansible-svc" not in started.split()
