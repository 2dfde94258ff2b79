# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run every command that README and quick start show, in the order in which they show them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lab import Lab
from tests.lab.lab import CHECKOUT

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_MAKE = re.compile(r"`(make [\w-]+)`|^    (make [\w-]+)$", re.MULTILINE)
# tests/integration/test_packaging.py installs the package.
_INSTALL = "pip install ansible-svc"


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


def test_quick_start(lab: Lab, place: Path) -> None:
    (playbook,) = [text for language, text in _blocks("docs/quickstart.md") if language == "yaml"]
    (configuration,) = [text for language, text in _blocks("docs/quickstart.md") if language == "ini"]
    (place / "site.yml").write_text(playbook)
    commands = [command for command in _commands("docs/quickstart.md") if command != _INSTALL]
    assert len(commands) >= 8
    output = _run(lab, place, commands)
    assert output.count("TASK [Write the motto]") == sum("ansible-playbook" in command for command in commands)
    (place / "ansible.cfg").write_text(configuration)
    assert "DEPRECATION" not in _run(lab, place, ["ansible-playbook -i hosts site.yml --check"])


def test_readme(lab: Lab, place: Path) -> None:
    session = next(text for language, text in _blocks("README.md") if language == "console")
    shown = dict(re.findall(r"^\$ cat (\S+)\n(.*?)\n\n", session, re.MULTILINE | re.DOTALL))
    for name, text in shown.items():
        # the lab's two hosts share a home directory
        text = text.replace("hosts: web", "hosts: lab").replace("~/motto", '"{{ workdir }}/motto"')
        (place / name).write_text(text + "\n")
    commands = [command for command in _commands("README.md") if not command.startswith("cat ")]
    output = _run(lab, place, commands)
    tasks = re.findall(r"^TASK \[(.*)\]", session, re.MULTILINE)
    assert re.findall(r"^TASK \[(.*)\]", output, re.MULTILINE) == tasks
    assert _recap(output) == _recap(session)


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
            "docs/quickstart.md",
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
    assert "What was shared" in done.stdout


def _run(lab: Lab, place: Path, commands: list[str]) -> str:
    """Run commands in one shell and return what they printed; the test fails with the first that fails."""
    environment = lab.env() | {
        "PATH": f"{place / 'bin'}:{Path(sys.executable).parent}:{lab.env()['PATH']}",
        "ANSIBLE_COLLECTIONS_PATH": str(lab.directory / "collections"),
        "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={lab.sshd.known_hosts}",
        # ansible-core folds long lines of the terminal's width
        "COLUMNS": "200",
    }
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(commands)],
        cwd=place,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
    )
    lab.close_masters()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr
