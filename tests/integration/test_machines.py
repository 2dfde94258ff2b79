# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the hosts of the Molecule scenarios to what the scenarios trust them to do, and to leaving nothing behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab, LabError, processes
from tests.lab.lab import CHECKOUT
from tests.lab.sshd import TARGET_PATH
from tests.machines.machines import Machines, Platform

PLATFORMS = (Platform("one"), Platform("two"), Platform("inner", network="one"))
# More than sethostname(2) takes, so that the host's first process fails.
IMPOSSIBLE = "x" * 65
NEEDS_ISOLATION = CHECKOUT / "molecule" / "shared" / "tasks" / "needs_isolation.yml"

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make hosts that share nothing")


@pytest.fixture(scope="module")
def machines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machines]:
    found = Machines(tmp_path_factory.mktemp("machines") / "machines")
    found.up(PLATFORMS)
    try:
        assert found.isolated
        yield found
    finally:
        found.down()


def _on(machines: Machines, name: str, command: str, jump: str | None = None) -> str:
    arguments = ["-F", str(machines.directory / "ssh_config"), *(["-J", jump] if jump else []), name, command]
    done = subprocess.run(
        ["ssh", *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={"PATH": TARGET_PATH},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.strip()


@needs_root
def test_hosts_do_not_share_files(machines: Machines) -> None:
    for place in ("/srv/work", "/tmp", "/etc", "/root"):
        path = f"{place}/written-by-one"
        assert _on(machines, "one", f"echo here > {path} && cat {path}") == "here"
        assert _on(machines, "two", f"cat {path} 2>/dev/null || echo absent") == "absent"
        assert not Path(path).exists()


@needs_root
def test_names_and_networks_differ_and_processes_are_not_seen(machines: Machines) -> None:
    namespaces = "for kind in mnt pid ipc uts net; do readlink /proc/self/ns/$kind; done"
    assert [_on(machines, name, "hostname") for name in ("one", "two")] == ["one", "two"]
    one, two = (_on(machines, name, namespaces).split() for name in ("one", "two"))
    here = [os.readlink(f"/proc/self/ns/{kind}") for kind in ("mnt", "pid", "ipc", "uts", "net")]
    assert len({*one, *two, *here}) == 3 * 5
    assert _on(machines, "two", "cat /proc/1/cmdline | tr '\\0' ' '").split()[1:3] == ["-m", "tests.machines.inside"]


@needs_root
def test_a_host_behind_another_is_reached_through_that_one_only(machines: Machines) -> None:
    inner = next(host for host in machines.inventory() if host["instance"] == "inner")
    network = "readlink /proc/self/ns/net"
    assert _on(machines, "inner", "hostname", jump="one") == "inner"
    assert _on(machines, "inner", network, jump="one") == _on(machines, "one", network)
    # A server of the machine that listens on all addresses at ssh's port would answer for it there.
    assert inner["port"] != 22
    for place in (inner["address"], "127.0.0.1"):
        with socket.socket() as client:
            assert client.connect_ex((place, inner["port"])) != 0


@needs_root
def test_a_killed_host_comes_back_as_new(tmp_path: Path) -> None:
    machines = Machines(tmp_path / "machines")
    machines.up([Platform("one")])
    try:
        _on(machines, "one", "echo here > /srv/work/before")
        machines.kill("one")
        with pytest.raises(AssertionError, match="Connection refused"):
            _on(machines, "one", "true")
        machines.start("one")
        assert _on(machines, "one", "ls /srv/work") == ""
    finally:
        machines.down()


@needs_root
def test_nothing_is_left_after_down(tmp_path: Path) -> None:
    machines = Machines(tmp_path / "machines")
    machines.up(PLATFORMS)
    try:
        _on(machines, "one", "sleep 600 > /dev/null 2>&1 & setsid sleep 600 > /dev/null 2>&1 & true")
        running = _running_at_last(machines.directory, ["sleep", "sleep"])
        assert "unshare" in {process.name for process in running}
    finally:
        machines.down()
    _nothing_is_left(machines.directory, running)


def test_without_namespaces_everything_ends_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.machines.machines._can_isolate", lambda _directory: False)
    machines = Machines(tmp_path / "machines")
    machines.up(PLATFORMS)
    try:
        _on(machines, "one", "setsid sleep 600 > /dev/null 2>&1 & true")
        running = _running_at_last(machines.directory, ["sleep"])
    finally:
        machines.down()
    _nothing_is_left(machines.directory, running)


@needs_root
def test_up_that_fails_takes_down_what_had_come_up(tmp_path: Path) -> None:
    machines = Machines(tmp_path / "machines")
    with pytest.raises(LabError, match=f"{IMPOSSIBLE} does not start"):
        machines.up([Platform("one"), Platform(IMPOSSIBLE), Platform("two")])
    _nothing_is_left(machines.directory, [])


def test_up_touches_no_directory_that_is_in_use(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("")
    with pytest.raises(LabError, match="has hosts already"):
        Machines(tmp_path).up(PLATFORMS)
    assert (tmp_path / "precious").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_up_that_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    """By itself where it can, with the help of down otherwise."""
    directory = tmp_path / "machines"
    platforms = json.dumps([{"name": f"host{index}"} for index in range(200)])
    with subprocess.Popen(
        [sys.executable, "-m", "tests.machines", "up", "--dir", str(directory)],
        cwd=CHECKOUT,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as up:
        assert up.stdin is not None
        up.stdin.write(platforms)
        up.stdin.close()
        limit = time.monotonic() + 60
        # The third is being made: two are up, and the state knows it.
        while not (directory / "host2").exists():
            assert time.monotonic() < limit and up.poll() is None
            time.sleep(0.01)
        running = _running(directory)
        up.send_signal(number)
        assert up.wait(60) != 0
    if number == signal.SIGKILL:
        assert [process for process in running if process.alive()]
        down = [sys.executable, "-m", "tests.machines", "down", "--dir", str(directory)]
        subprocess.run(down, cwd=CHECKOUT, stdin=subprocess.DEVNULL, check=True, timeout=60)
    _nothing_is_left(directory, running)


@pytest.mark.parametrize("root", [True, False])
def test_a_play_that_needs_hosts_of_their_own_says_that_it_is_not_run(lab: Lab, root: bool) -> None:
    """And where they could be had, that is a failure."""
    book = [
        {
            "hosts": "all",
            "gather_facts": False,
            "vars": {"machine": {"isolated": False}, "controller_is_root": root},
            "tasks": [{"import_tasks": str(NEEDS_ISOLATION)}, {"name": "Work", "command": "true"}],
        }
    ]
    result = lab.run_playbook(book, lab.inventory(2))
    assert "not run: " in result.stdout, result
    assert (result.rc != 0) == root, result
    assert result.results(task="Work") == []


def _running(directory: Path) -> list[processes.Process]:
    """List the processes of all hosts of a directory."""
    found: dict[int, processes.Process] = {}
    for host in filter(Path.is_dir, directory.iterdir()):
        for process in processes.marked(str(host)):
            found |= {each.pid: each for each in (process, *processes.descendants(process.pid))}
    return list(found.values())


def _running_at_last(directory: Path, names: list[str]) -> list[processes.Process]:
    """List the processes of all hosts when these programs are among them: what starts one is another for a moment."""
    limit = time.monotonic() + 60
    while True:
        running = _running(directory)
        if sorted(process.name for process in running if process.name in names) == sorted(names):
            return running
        assert time.monotonic() < limit, running
        time.sleep(0.01)


def _nothing_is_left(directory: Path, running: list[processes.Process]) -> None:
    """Check that processes have ended, and that neither marked processes, mounts nor files remain."""
    assert [process.command() for process in running if process.alive()] == []
    needle = f"{processes.MARKER}={directory}".encode()
    for process in processes.everything():
        try:
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            mounts = Path(f"/proc/{process.pid}/mounts").read_text()
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        assert needle not in environment, process.command()
        assert str(directory) not in mounts, process.command()
    assert not directory.exists()
