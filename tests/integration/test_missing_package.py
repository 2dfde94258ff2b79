# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install the collection alone, beside an ansible-core without the Python package: it says what else to install."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.integration import packages
from tests.lab.sshd import TARGET_PATH

ADVICE = "beside ansible-core (No module named 'ansible_svc'): pip install ansible-svc"
PLAY = '- hosts: localhost\n  gather_facts: false\n  tasks:\n    - ansible.builtin.command: "true"\n'
RAN = "changed: [localhost]"


@dataclass(frozen=True)
class Place:
    """Hold an interpreter with ansible-core alone, and a directory with the collection and a playbook."""

    python: Path
    directory: Path

    def play(self, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [self.python, "-m", "ansible", "playbook", "-i", "localhost,", "site.yml", *arguments],
            cwd=self.directory,
            env={
                "PATH": TARGET_PATH,
                "ANSIBLE_PYTHON_INTERPRETER": str(self.python),
                "HOME": str(self.directory),
                "LANG": "C.UTF-8",
                # ansible-core folds long lines of the terminal's width
                "COLUMNS": "400",
                "ANSIBLE_COLLECTIONS_PATH": str(self.directory / "collections"),
                "ANSIBLE_DEPRECATION_WARNINGS": "False",
                **variables,
            },
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )


@pytest.fixture(scope="module")
def place(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Place:
    directory = tmp_path_factory.mktemp("without")
    packages.link("ansible-core", directory / "libraries")
    python = packages.make_environment(directory / "venv", directory / "libraries")
    packages.install_collection(python, built, directory / "collections")
    (directory / "site.yml").write_text(PLAY)
    found = Place(python, directory)
    # Without the collection's plugins this environment works.
    plain = found.play("--connection", "local")
    assert plain.returncode == 0, plain.stdout + plain.stderr
    missing = "import importlib.util as i; print(*map(i.find_spec, ('ansible_svc', 'mitogen')))"
    assert packages.run(python, "-c", missing) == "None None\n"
    return found


@pytest.mark.parametrize("name", ["svc_linear", "svc_free", "svc_host_pinned"])
def test_strategies(place: Place, name: str) -> None:
    done = place.play("--connection", "local", ANSIBLE_STRATEGY=f"ansible_svc.svc.{name}")
    _failed_with_one_sentence(done, f"The strategy {name} needs the Python package ansible-svc {ADVICE}")


@pytest.mark.parametrize("name", ["svc_ssh", "svc_local"])
def test_connections(place: Place, name: str) -> None:
    done = place.play("--connection", f"ansible_svc.svc.{name}")
    _failed_with_one_sentence(done, f"The connection {name} needs the Python package ansible-svc {ADVICE}")


def test_callback_only_warns(place: Place) -> None:
    done = place.play("-v", "--connection", "local", ANSIBLE_CALLBACKS_ENABLED="ansible_svc.svc.profile")
    told = done.stdout + done.stderr
    assert done.returncode == 0, told
    assert RAN in done.stdout, told
    assert told.count("pip install") == 1, told
    assert f"[WARNING]: The callback profile needs the Python package ansible-svc {ADVICE}\n" in done.stderr, told
    assert "Traceback" not in told


def _failed_with_one_sentence(done: subprocess.CompletedProcess[str], sentence: str) -> None:
    told = done.stdout + done.stderr
    assert done.returncode != 0, told
    assert RAN not in told
    assert "Traceback" not in told
    (told_once,) = [line for line in told.splitlines() if line.startswith("[ERROR]: ")]
    assert told_once.endswith(sentence), told
