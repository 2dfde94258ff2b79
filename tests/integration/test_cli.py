# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ansible-svc command with real playbooks and hosts."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.cli import _accounting
from tests.integration.needs import lacking
from tests.integration.twin import inventory
from tests.lab import Lab

SAME_USER = {"become": True, "become_method": "su", "become_user": "{{ ansible_user }}"}


def _command(
    lab: Lab, *arguments: str | Path, cfg: Path | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ansible_svc.cli", *map(str, arguments)],
        env=lab.env(cfg or lab.ansible_cfg(strategy="svc_linear"), **{"COLUMNS": "160", **variables}),
        cwd=lab.directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def playbook(tmp_path: Path) -> Path:
    tasks: list[dict[str, Any]] = [
        {"name": "Write a file", "copy": {"content": "x", "dest": "{{ workdir }}/written"}},
        {"name": "Touch a file", "command": "touch {{ workdir }}/touched", "tags": "touch"},
        {"name": "Wait", "wait_for_connection": {}},
        {"name": "As the same user", "command": "true", **SAME_USER},
        {"name": "Others", "include_tasks": "others.yml", "when": False},
    ]
    path = tmp_path / "site.yml"
    path.write_text(json.dumps([{"name": "Web servers", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    return path


def test_bench_compares_in_check_mode(lab: Lab, playbook: Path) -> None:
    done = _command(lab, "bench", "--runs", "1", "--json", "-i", inventory(lab, 1), playbook, "-t", "touch")
    lab.close_masters()
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["check"] is True
    assert [run["strategy"] for run in report["runs"]] == ["linear", "svc_linear"]
    assert all(run["rc"] == 0 and run["wall_s"] > 0 and run["cpu_s"] > 0 for run in report["runs"])
    assert report["same_recap"] is True
    assert report["other_strategies"] == []
    assert not (lab.hosts(1)[0].workdir / "touched").exists()


def test_bench_applies_chosen_tasks_and_tells_recaps_that_differ(lab: Lab, playbook: Path) -> None:
    (host,) = lab.hosts(1)
    # The first run finds nothing to do afterwards: the second one's recap has to differ.
    book = json.loads(playbook.read_text())
    book[0]["tasks"][1]["args"] = {"creates": "{{ workdir }}/touched"}
    playbook.write_text(json.dumps(book))
    try:
        done = _command(lab, "bench", "--runs", "1", "-i", inventory(lab, 1), playbook, "--apply", "--tags", "touch")
        lab.close_masters()
        assert done.returncode == 1, done.stdout + done.stderr
        assert (host.workdir / "touched").exists()
        assert not (host.workdir / "written").exists()
        assert "The recaps differ for host01" in done.stdout
        assert re.search(r"^  linear: ok=1 .*changed=1 ", done.stdout, re.MULTILINE), done.stdout
        assert re.search(r"^  svc_linear: ok=1 .*changed=0 ", done.stdout, re.MULTILINE), done.stdout
    finally:
        (host.workdir / "touched").unlink(missing_ok=True)


def test_doctor_says_what_runs_how_and_what_hosts_are_like(lab: Lab, playbook: Path) -> None:
    hosts = inventory(lab, 2, hosts={"host02": {"ansible_port": 1}})
    done = _command(lab, "doctor", "--json", "-i", hosts, playbook, "-e", "something=else")
    assert done.returncode == 1, done.stdout + done.stderr
    report = json.loads(done.stdout)
    assert report["settings"]["strategy"]["value"] == "svc_linear"
    assert set(report["versions"]) == {"ansible-svc", "ansible-core", "mitogen", "python", "ssh", "sshpass"}
    (play,) = report["plays"]
    assert (play["ours"], play["hosts"], play["tasks"]) == (True, 2, 5)
    assert play["ways"] == {"native": 6, "forked": 2, "stock": 2}
    assert {(reason["way"], *reason["tasks"]) for reason in play["reasons"]} == {
        ("forked", "Wait"),
        ("stock", "As the same user"),
    }
    assert play["included"] == ["Others"]
    seen = report["hosts"]["host01"]
    assert (seen["status"], seen["connection"]) == ("ok", "native")
    assert seen["version"].startswith("3.")
    assert 0 < seen["round_trip_s"] < 60
    assert seen["cache"]["directory"].endswith("/.cache/ansible_svc")
    assert seen["cache"]["size_bytes"] > 0
    assert seen["sudo"] == "not needed" if os.geteuid() == 0 else seen["sudo"]
    assert report["hosts"]["host02"]["status"] == "unreachable"
    (problem,) = report["problems"]
    assert problem.startswith("host02 is unreachable: ")


def test_doctor_prints_the_configuration_in_force_and_a_table_of_hosts(lab: Lab) -> None:
    hosts = inventory(lab, 2, hosts={"host02": {"ansible_port": 1}})
    cfg = lab.ansible_cfg(strategy="svc_linear", forks=7)
    done = _command(lab, "doctor", "-i", hosts, cfg=cfg, COLUMNS="250", ANSIBLE_TIMEOUT="11")
    assert done.returncode == 1, done.stdout + done.stderr
    rows = [re.split(r"  +", line.strip()) for line in done.stdout.splitlines()]
    assert ["ansible.cfg", str(cfg)] in rows
    assert ["strategy", "svc_linear", f"({cfg})"] in rows
    assert ["forks", "7", f"({cfg})"] in rows
    assert ["timeout", "11", "(env: ANSIBLE_TIMEOUT)"] in rows
    assert ["host", "connection", "round trip", "Python", "sudo", "cache"] in rows
    ((connection, round_trip, python, sudo, cache),) = [row[1:] for row in rows if row[0] == "host01"]
    assert connection == "native"
    assert re.fullmatch(r"[0-9]+\.[0-9] ms", round_trip)
    assert re.fullmatch(r"3\.[0-9]+\.[0-9]+ \(/.*python3.*\)", python)
    assert sudo == "not needed" if os.geteuid() == 0 else sudo
    assert re.fullmatch(r"[0-9.]+ [kM]?B in /.*/\.cache/ansible_svc", cache, re.IGNORECASE)
    assert ["host02", "unreachable"] in rows
    assert next(row[1] for row in rows if row[0] == "problem").startswith("host02 is unreachable: ")


def test_doctor_says_what_to_set(lab: Lab) -> None:
    done = _command(lab, "doctor", "--no-hosts", cfg=lab.ansible_cfg(strategy="linear"))
    assert done.returncode == 1, done.stdout + done.stderr
    told = " ".join(done.stdout.split())
    assert "the strategy is linear, so svc takes no part" in told
    assert "strategy = ansible_svc.svc.svc_linear" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["bench", "-i", "hosts", "site.yml", "--apply"], "say with --tags which tasks to run"),
        (["bench", "-i", "hosts", "site.yml", "-K"], "use --become-password-file"),
        (["bench", "-i", "hosts"], "the following arguments are required: playbook"),
        (["bench", "site.yml", "--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["bench", "--runs", "0", "site.yml"], "must be at least 1"),
        (["doctor", "--no-such-option"], "unrecognized arguments: --no-such-option"),
        (["doctor", "site.yml", "--no-such-option"], "unrecognized arguments: --no-such-option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_wrong_usage_ends_before_the_first_run(lab: Lab, arguments: list[str], told: str) -> None:
    done = _command(lab, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert told in done.stderr
    assert "bench: run" not in done.stderr


def test_an_interrupted_bench_says_so(lab: Lab, tmp_path: Path) -> None:
    started, go = tmp_path / "started", tmp_path / "go"
    wait = f"touch {started}; until test -e {go}; do sleep 0.1; done"
    # raw: what ansible-core puts on a host for a module stays there when it is interrupted
    task = {"name": "Wait", "raw": wait, "tags": "wait"}
    book = tmp_path / "site.yml"
    book.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": [task]}]))
    arguments = ["bench", "-i", str(inventory(lab, 1)), str(book), "--apply", "--tags", "wait"]
    # Shells start what runs in the background with SIGINT ignored, and that would be handed on.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with subprocess.Popen(
            [sys.executable, "-m", "ansible_svc.cli", *arguments],
            env=lab.env(lab.ansible_cfg()),
            cwd=lab.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        ) as bench:
            limit = time.monotonic() + 60
            while not started.exists():
                assert time.monotonic() < limit and bench.poll() is None
                time.sleep(0.02)
            # As a terminal does it.
            os.killpg(bench.pid, signal.SIGINT)
            stdout, stderr = bench.communicate(timeout=60)
    finally:
        signal.signal(signal.SIGINT, before)
        go.touch()
    assert bench.returncode == 130, stdout + stderr
    assert stderr.splitlines()[-1] == "ansible-svc: interrupted"
    assert "Traceback" not in stdout + stderr
    lab.close_masters()


def test_completion(lab: Lab, tmp_path: Path) -> None:
    if importlib.util.find_spec("argcomplete") is None:
        lacking("argcomplete, which completes the command line, is not installed (make setup)")
    answer = tmp_path / "answer"
    line = "ansible-svc ben"
    # As the shell function of argcomplete asks; with this variable the answer goes to a file instead of descriptor 8.
    done = _command(
        lab,
        _ARGCOMPLETE="1",
        _ARGCOMPLETE_STDOUT_FILENAME=str(answer),
        COMP_LINE=line,
        COMP_POINT=str(len(line)),
        IFS="\013",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert answer.read_text().strip() == "bench"


def test_the_command_imports_neither_ansible_nor_rich() -> None:
    code = "import sys, ansible_svc.cli; ansible_svc.cli.command_parser(); print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert "ansible_svc.cli.path" in loaded
    assert not {"ansible", "rich", "mitogen"} & set(loaded)


def test_what_a_command_and_its_children_cost(tmp_path: Path) -> None:
    burn = "import time\nwhile time.process_time() < 0.2: pass"
    command = f"{sys.executable} -c '{burn}'; {sys.executable} -c '{burn}'; echo done; exit 3"
    with open(tmp_path / "output", "w+b") as output:
        cost = _accounting.measured(["/bin/sh", "-c", command], dict(os.environ), output)
        output.seek(0)
        assert output.read() == b"done\n"
    assert cost.rc == 3
    assert cost.cpu_s > 0.39
    assert cost.wall_s > 0.39


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lets a process adopt orphans")
def test_an_ssh_master_that_was_left_behind_is_ended_and_nothing_else(tmp_path: Path) -> None:
    # In a process of its own, which then is no longer this one's to adopt.
    (tmp_path / "ssh").symlink_to("/bin/sleep")
    (tmp_path / "daemon").symlink_to("/bin/sleep")
    code = f"""
import os, sys
from ansible_svc.cli import _accounting
assert _accounting.adopt_orphans()
command = "{tmp_path}/ssh 300 & {tmp_path}/daemon 300 & echo"
with open(os.devnull, "wb") as nowhere:
    _accounting.measured(["/bin/sh", "-c", command], dict(os.environ), nowhere)
print(*[f"{{pid}} {{name}}" for pid, name in _accounting._children()])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    pid, name = done.stdout.split()
    os.kill(int(pid), signal.SIGTERM)
    assert name == "daemon"
