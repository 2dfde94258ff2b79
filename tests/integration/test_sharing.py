# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to its promise: whatever many hosts need is built, read and sent once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import CANDIDATE, PLAYBOOKS, STOCK, Outcome, inventory, run
from tests.lab import Lab

pytestmark = pytest.mark.skipif(CANDIDATE == STOCK, reason="linear shares nothing")

HOSTS = 10
MODULES = {"command", "copy", "file", "ping"}
FILE_BYTES = 600_000
LARGE_BYTES = 12_000_000


@pytest.fixture
def files(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    """Make two files that cannot be compressed."""
    found = tmp_path / "first.bin", tmp_path / "second.bin"
    for path in found:
        path.write_bytes(os.urandom(FILE_BYTES))
    yield found


def test_modules_are_built_once_and_files_are_read_once(lab: Lab, files: tuple[Path, Path]) -> None:
    outcome = run(lab, CANDIDATE, _book(files, rounds=2), inventory(lab, HOSTS))

    assert outcome.run.rc == 0, outcome.run
    outcome.assert_native()
    modules = _part(outcome, "modules")
    assert {name.rpartition(".")[2] for name in modules["names"]} >= MODULES, modules
    assert all(counts["built"] == 1 for counts in modules["names"].values()), modules
    assert modules["built"] == len(modules["names"])
    # Each host pinged twice and ran a command twice, beside what copy and file needed.
    assert modules["used"] >= 2 * 2 * HOSTS
    assert _part(outcome, "files")["read"] == len(files)
    assert _part(outcome, "contexts") == {"attempts": HOSTS, "connected": HOSTS, "lost": 0, "closed": 0}
    for host in lab.hosts(HOSTS):
        for path in files:
            assert (host.workdir / path.name).read_bytes() == path.read_bytes()


def test_a_second_round_sends_no_file_and_no_module_again(lab: Lab, files: tuple[Path, Path]) -> None:
    once = run(lab, CANDIDATE, _book(files, rounds=1), inventory(lab, HOSTS))
    twice = run(lab, CANDIDATE, _book(files, rounds=2), inventory(lab, HOSTS))

    sent = _sent(once)
    # Every host needs both files, and nobody can compress them.
    assert sent > HOSTS * len(files) * FILE_BYTES
    # The files are in place and the modules on the host: a second round sends arguments.
    assert _sent(twice) - sent < HOSTS * FILE_BYTES / 10
    assert _delivered(twice) == _delivered(once) == HOSTS * len(files)
    assert _part(twice, "modules")["built"] == _part(once, "modules")["built"]


@pytest.mark.skipif(not Path("/proc/self/io").exists(), reason="only Linux counts what a process reads")
def test_a_large_file_is_not_read_for_each_host(lab: Lab, tmp_path: Path) -> None:
    """Neither to be compared nor to be sent: one reading for its digests, and one for all hosts about equally far.

    How many fall behind by more than what is kept for them is up to how busy the machine is.
    """
    counter, source = tmp_path / "bytes_read", tmp_path / "large.bin"
    source.write_bytes(os.urandom(LARGE_BYTES))
    copy = {"ansible.builtin.copy": {"src": str(source), "dest": "{{ workdir }}/", "mode": "0600"}}

    def bytes_read(*tasks: dict[str, Any]) -> tuple[int, int]:
        env = {
            "ANSIBLE_CALLBACK_PLUGINS": str(PLAYBOOKS / "callbacks"),
            "ANSIBLE_CALLBACKS_ENABLED": "bytes_read",
            "BYTES_READ": str(counter),
        }
        book = [{"hosts": "all", "gather_facts": False, "tasks": list(tasks)}]
        outcome = run(lab, CANDIDATE, book, inventory(lab, HOSTS), env=env)
        assert outcome.run.rc == 0, outcome.run
        return _part(outcome, "files")["read"], int(counter.read_text())

    _, others = bytes_read({"ansible.builtin.ping": {}})
    whole, everything = bytes_read(copy, copy)
    assert whole == 1
    assert everything - others < HOSTS / 2 * LARGE_BYTES


def test_a_command_is_one_round_trip(lab: Lab) -> None:
    def commands(count: int) -> list[dict[str, Any]]:
        tasks = [{"name": f"Command {n}", "ansible.builtin.command": f"echo {n}"} for n in range(count)]
        return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]

    few = run(lab, CANDIDATE, commands(2), inventory(lab, HOSTS))
    many = run(lab, CANDIDATE, commands(12), inventory(lab, HOSTS))

    few.assert_native()
    many.assert_native()
    assert _statistic(many, "round_trips") - _statistic(few, "round_trips") == 10 * HOSTS


def test_equal_content_crosses_a_link_once(lab: Lab) -> None:
    content = os.urandom(FILE_BYTES // 4).hex()
    tasks = [
        {
            "name": f"Write {name}",
            "ansible.builtin.copy": {"content": content, "dest": "{{ workdir }}/" + name, "mode": "0600"},
        }
        for name in ("one", "two", "three")
    ]
    outcome = run(lab, CANDIDATE, [{"hosts": "all", "gather_facts": False, "tasks": tasks}], inventory(lab, HOSTS))

    assert outcome.run.rc == 0, outcome.run
    outcome.assert_native()
    for host in lab.hosts(HOSTS):
        assert {(host.workdir / name).read_text() for name in ("one", "two", "three")} == {content}
    # Hexadecimal digits hold half a byte each, so this is the least that has to be sent once, and half of twice.
    assert _sent(outcome) < HOSTS * len(content) * 1.5


def _book(files: tuple[Path, Path], rounds: int) -> list[dict[str, Any]]:
    """Return a play that uses every module of MODULES and both files, rounds times."""
    tasks: list[dict[str, Any]] = []
    for number in range(rounds):
        tasks += [
            {"name": f"Ping {number}", "ansible.builtin.ping": {}},
            {"name": f"Run {number}", "ansible.builtin.command": "echo run", "changed_when": False},
            {
                "name": f"Create a directory {number}",
                "ansible.builtin.file": {"path": "{{ workdir }}/dir", "state": "directory", "mode": "0755"},
            },
        ]
        tasks += [
            {
                "name": f"Copy {path.name} {number}",
                "ansible.builtin.copy": {"src": str(path), "dest": "{{ workdir }}/", "mode": "0600"},
            }
            for path in files
        ]
    return [{"hosts": "all", "gather_facts": False, "tasks": tasks}]


def _statistic(outcome: Outcome, name: str) -> int:
    assert outcome.statistics is not None, outcome.run
    value: int = outcome.statistics[name]
    return value


def _part(outcome: Outcome, name: str) -> dict[str, Any]:
    assert outcome.statistics is not None, outcome.run
    part: dict[str, Any] = outcome.statistics[name]
    return part


def _delivered(outcome: Outcome) -> int:
    """Return how often a file was sent to a host: with a request, or when the host asked for it."""
    files = _part(outcome, "files")
    delivered: int = files["pushed"] + files["served"]
    return delivered


def _sent(outcome: Outcome) -> int:
    return _statistic(outcome, "bytes_sent")
