# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the lab to what the other tests trust it to do."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest

from tests.lab import Lab, LabError, PlaybookTimeoutError, compare
from tests.lab.leaks import Watch
from tests.lab.proxy import Proxy

PLAYS = [
    {
        "hosts": "all",
        "tasks": [
            {"name": "look", "command": "id -un"},
            {"name": "write", "copy": {"content": "{{ inventory_hostname }}", "dest": "{{ workdir }}/name"}},
        ],
    }
]

needs_accounts = pytest.mark.skipif(os.geteuid() != 0, reason="accounts are made by root only")


def test_hosts_are_separate_and_events_recorded(lab: Lab) -> None:
    result = lab.run_playbook(PLAYS, lab.inventory(2), lab.ansible_cfg(pipelining=True))
    assert result.rc == 0, result
    assert [host.workdir.joinpath("name").read_text() for host in lab.hosts(2)] == ["host01", "host02"]
    assert {event["host"] for event in result.results(task="look")} == {"host01", "host02"}
    assert result.events[-1]["event"] == "stats"


def test_comparison_accepts_a_repeated_run_and_names_what_differs(lab: Lab) -> None:
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [{"name": "say", "command": "echo {{ word }}"}]}]
    first, again, other = (
        lab.run_playbook(plays, lab.inventory(2, word=word), lab.ansible_cfg(pipelining=True)).events
        for word in ("one", "one", "two")
    )
    compare.assert_equal(first, again)
    found = compare.differences(first, other)
    assert any("'say'" in text and '"stdout": "one"' in text and '"stdout": "two"' in text for text in found)
    shorter = [event for event in again if (event.get("host"), event["event"]) != ("host02", "runner_ok")]
    assert any("host02" in text for text in compare.differences(first, shorter))


@needs_accounts
def test_accounts_have_their_sudo_rights(lab: Lab) -> None:
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [{"command": "id -un", "become": True}]}]

    def run(name: str, with_password: bool) -> int:
        password = {"ansible_become_password": lab.accounts[name].password} if with_password else {}
        inventory = lab.inventory(1, ansible_user=name, **password)
        return lab.run_playbook(plays, inventory, lab.ansible_cfg(pipelining=True)).rc

    assert run("svclab1", with_password=False) == 0
    assert run("svclab2", with_password=True) == 0
    assert run("svclab2", with_password=False) != 0
    assert run("svclab3", with_password=True) != 0


def test_run_that_does_not_end_is_ended(lab: Lab) -> None:
    plays = [{"hosts": "all", "gather_facts": False, "tasks": [{"command": "sleep 600"}]}]
    with pytest.raises(PlaybookTimeoutError, match="did not end within 3 s"):
        lab.run_playbook(plays, timeout_s=3)


def test_second_lab_lives_beside_the_first_and_leaves_it_alone(lab: Lab) -> None:
    with Lab() as second:
        directory = second.directory
        assert second.sshd.port != lab.sshd.port
        assert second.run_playbook(PLAYS).rc == 0
    assert not directory.exists()
    assert lab.run_playbook(PLAYS).rc == 0
    if lab.accounts:
        assert lab.accounts["svclab1"].home.exists()


def test_command_line_brings_up_and_takes_down(tmp_path: Path) -> None:
    directory = tmp_path / "lab"

    def lab_command(word: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "tests.lab", word, "--dir", str(directory)]
        return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    up = lab_command("up")
    assert up.returncode == 0, up.stderr
    try:
        assert "10 hosts" in up.stdout
        assert lab_command("up").returncode == 1
    finally:
        down = lab_command("down")
    assert down.returncode == 0, down.stderr
    assert not directory.exists()
    with pytest.raises(LabError, match="no lab"):
        Lab.attach(directory)


def test_proxy_counts_bytes_and_round_trips_and_delays(lab: Lab) -> None:
    with Proxy(lab.sshd.port, round_trip_s=0.05) as proxy:
        fast = lab.run_playbook(PLAYS)
        slow = lab.run_playbook(PLAYS, lab.inventory(1, ansible_port=proxy.port, ansible_host_key_checking=False))
        assert slow.rc == 0, slow
        counted = proxy.reset()
        assert counted.connections >= 1
        assert counted.round_trips >= 10
        assert counted.to_server_bytes > 50_000
        assert slow.wall_s > fast.wall_s + 10 * 0.05
        assert proxy.counters().connections == 0


def test_proxy_counts_no_round_trip_for_what_crosses_on_the_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(10)
        with (
            Proxy(server.getsockname()[1], round_trip_s=1) as proxy,
            socket.create_connection(("127.0.0.1", proxy.port), timeout=10) as client,
            server.accept()[0] as connection,
        ):
            connection.settimeout(10)
            client.sendall(b"question")
            connection.sendall(b"greeting")
            assert connection.recv(100) == b"question"
            assert client.recv(100) == b"greeting"
            assert proxy.counters().round_trips == 0
            connection.sendall(b"answer")
            assert client.recv(100) == b"answer"
            assert proxy.counters().round_trips == 1


def test_proxy_closes_when_the_server_is_not_there(lab: Lab) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        with Proxy(unused.getsockname()[1]) as proxy, socket.create_connection(("127.0.0.1", proxy.port)) as client:
            client.settimeout(5)
            assert client.recv(1) == b""


def test_leaks_are_noticed(lab: Lab) -> None:
    with tempfile.TemporaryDirectory() as directory:
        watch = Watch(lab, Path(directory))
        go_on = threading.Event()
        thread = threading.Thread(target=go_on.wait, name="left-thread")
        thread.start()
        orphan = subprocess.Popen(["sleep", "600"])
        (Path(directory) / "left-file").touch()
        left = "\n".join(watch.left(timeout_s=0.1))
        go_on.set()
        thread.join()
        orphan.wait()
        assert "left-thread" in left
        assert "sleep 600" in left
        assert "left-file" in left
