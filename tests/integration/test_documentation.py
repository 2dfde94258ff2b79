# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run every command that README and quick start show, in the order in which they show them.

Each has to have done its work natively: all of them would pass under plain ``linear``, too.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.lab import Lab
from tests.lab.lab import CHECKOUT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"`(make [\w-]+)`|^    (make [\w-]+)$", re.MULTILINE)
_SPAN = re.compile(r"`([^`\n]+)`")
_FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"^    (\S.*)$", re.MULTILINE)
# A program and what it is told: not `key = value`, not `key: value`, not one word.
_COMMAND = re.compile(r"[a-z][a-z0-9_.-]* [^=\s].*")
_MARK = "== next command =="
_RUNS = re.compile(r"(?:^| )ansible(?:-playbook)? -")

_HERE = "tests/integration/test_documentation.py"
# Commands that README and quick start name beside the sessions, and what runs them; with those of the sessions that
# are not run here.
_ELSEWHERE = {
    "pip install ansible-svc": "tests/integration/test_packaging.py",
    "ansible-doc -t strategy ansible_svc.svc.svc_linear": "tests/integration/test_ansible_doc.py",
    "ansible-playbook -v": _HERE,
    "ansible-svc bench": "tests/integration/test_cli.py",
    "ansible-svc doctor": "tests/integration/test_cli.py",
    "ansible-svc path": _HERE,
    "make bench": "docs/benchmarks.md",  # by hand: it takes too long, and says little while others use the machine
    "make demo": _HERE,  # test_demo
    "make docs": "Makefile",  # part of `make test`
    "make molecule": "Makefile",  # two of its scenarios are part of `make test`
    "make test": ".ci/run",
}


def _blocks(document: str) -> list[tuple[str, str]]:
    return _BLOCK.findall((CHECKOUT / document).read_text("utf-8"))


def _commands(document: str) -> Iterator[str]:
    for language, text in _blocks(document):
        if language == "console":
            yield from (line[2:] for line in text.splitlines() if line.startswith("$ "))


@pytest.fixture
def place(lab: Lab, tmp_path: Path) -> Path:
    """Return a directory with an inventory `hosts`, and ansible-svc on its own PATH."""
    shutil.copy(lab.inventory(2), tmp_path / "hosts")
    programs = tmp_path / "bin"
    programs.mkdir()
    command = programs / "ansible-svc"
    command.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m ansible_svc.cli "$@"\n')
    command.chmod(0o755)
    return tmp_path


@dataclass(frozen=True)
class Done:
    """Hold a command, what it printed, and the statistics of the strategy, if svc had a part in it."""

    command: str
    output: str
    statistics: dict[str, Any] | None

    @property
    def native(self) -> int:
        """Return how many tasks of how many hosts ran natively."""
        return 0 if self.statistics is None else int(self.statistics["tasks"]["native"])


def test_quick_start(lab: Lab, place: Path) -> None:
    (playbook,) = [text for language, text in _blocks("docs/quickstart.md") if language == "yaml"]
    (configuration,) = [text for language, text in _blocks("docs/quickstart.md") if language == "ini"]
    (place / "site.yml").write_text(playbook)
    done = _run(
        lab, place, [command for command in _commands("docs/quickstart.md") if _ELSEWHERE.get(command, _HERE) == _HERE]
    )
    profiled = False
    for each in done:
        stock = "ANSIBLE_STRATEGY=linear" in each.command
        if _RUNS.search(each.command):
            assert each.output.count("TASK [Write the motto]") == ("ansible-playbook" in each.command), each
            assert (each.statistics is None) if stock else (each.native >= 2), each
        if profiled and "ansible-playbook" in each.command:
            told = each.output.partition("SVC PROFILE **")[2]
            assert ("only the times of the plays are known" if stock else " native, 0 forked, 0 stock") in told, each
        profiled = profiled or "ANSIBLE_CALLBACKS_ENABLED" in each.command
    runs = [each for each in done if _RUNS.search(each.command)]
    assert (len(runs), sum(each.statistics is not None for each in runs)) == (7, 6)
    assert profiled
    (place / "ansible.cfg").write_text(configuration)
    (kept,) = _run(lab, place, ["ansible-playbook -i hosts site.yml --check"])
    assert "DEPRECATION" not in kept.output
    assert kept.native == 2 * 2, kept


def test_readme(lab: Lab, place: Path) -> None:
    session = next(text for language, text in _blocks("README.md") if language == "console")
    shown = dict(re.findall(r"^\$ cat (\S+)\n(.*?)\n\n", session, re.MULTILINE | re.DOTALL))
    for name, text in shown.items():
        # the lab's two hosts share a home directory
        text = text.replace("hosts: web", "hosts: lab").replace("~/motto", '"{{ workdir }}/motto"')
        (place / name).write_text(text + "\n")
    (done,) = _run(lab, place, [command for command in _commands("README.md") if not command.startswith("cat ")])
    tasks = re.findall(r"^TASK \[(.*)\]", session, re.MULTILINE)
    assert re.findall(r"^TASK \[(.*)\]", done.output, re.MULTILINE) == tasks
    assert _recap(done.output) == _recap(session)
    assert done.native == 2 * len(tasks), done


def test_every_command_is_run_here_or_elsewhere() -> None:
    named = set()
    for document in ("README.md", "docs/quickstart.md"):
        prose = _FENCED.sub("", (CHECKOUT / document).read_text("utf-8"))
        named |= {found for found in _SPAN.findall(prose) if _COMMAND.fullmatch(found)}
        named |= set(_INDENTED.findall(prose))
        named |= set(_commands(document)) & _ELSEWHERE.keys()
    assert named == set(_ELSEWHERE)
    for command, where in _ELSEWHERE.items():
        assert re.split(r"[ .]", command)[-1] in (CHECKOUT / where).read_text("utf-8"), (command, where)


def _recap(output: str) -> list[list[str]]:
    """Return the counts of the hosts."""
    return [line.partition(":")[2].split() for line in output.splitlines() if "unreachable=" in line]


def test_make_targets_exist() -> None:
    makefile = (CHECKOUT / "Makefile").read_text("utf-8")
    named = {
        "".join(pair)
        for document in (
            "README.md",
            "CONTRIBUTING.md",
            _HERE,
            "docs/contributing.md",
            "docs/release.md",
        )
        for pair in _MAKE.findall((CHECKOUT / document).read_text("utf-8"))
    }
    assert "make demo" in named
    assert [target for target in named if not re.search(rf"^{target.split()[1]}:", makefile, re.MULTILINE)] == []


def test_demo() -> None:
    """`make demo` is this program, with ten hosts."""
    done = subprocess.run(
        [sys.executable, "-m", "scripts.demo", "--hosts", "2"],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    recap, shared = done.stdout.partition("PLAY RECAP")[2].split("What was shared")
    assert [line.split()[0] for line in recap.splitlines() if "ok=" in line] == ["host01", "host02"]
    figures = dict(re.findall(r"^ +(\w+) +([\d,]+)$", shared, re.MULTILINE))
    for name in ("native", "built", "used", "read", "served", "bytes_sent", "round_trips"):
        assert int(figures[name].replace(",", "")) > 0, name


def _run(lab: Lab, place: Path, commands: Sequence[str]) -> list[Done]:
    """Run commands in one shell; the test fails with the first that fails."""
    environment = lab.env() | {
        "PATH": f"{place / 'bin'}:{Path(sys.executable).parent}:{lab.env()['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(lab.directory / "collections"),
        "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={lab.sshd.known_hosts}",
        # ansible-core folds long lines of the terminal's width
        "COLUMNS": "200",
    }
    script = []
    for number, command in enumerate(commands):
        statistics = _statistics(place, number)
        statistics.unlink(missing_ok=True)
        script += [f"echo '{_MARK}'", f"export ANSIBLE_SVC_STATS_FILE={shlex.quote(str(statistics))}", command]
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(script)],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=150,
        check=False,
    )
    lab.close_masters()
    assert done.returncode == 0, done.stdout
    outputs = done.stdout.split(f"{_MARK}\n")[1:]
    return [
        Done(command, output, json.loads(found.read_text()) if (found := _statistics(place, number)).exists() else None)
        for number, (command, output) in enumerate(zip(commands, outputs, strict=True))
    ]


def _statistics(place: Path, number: int) -> Path:
    return place / f"statistics-{number}.json"
