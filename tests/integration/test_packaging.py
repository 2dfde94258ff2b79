# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Install what is published into an environment of its own, and name the strategy in every way that is documented."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.lab import Lab
from tests.lab.lab import CHECKOUT

EXAMPLES = CHECKOUT / "examples"
PLAYS = [
    {"hosts": "all", "gather_facts": False, "tasks": [{"name": "look", "command": "echo {{ inventory_hostname }}"}]}
]
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
SOURCES = ("ansible_svc", "docs", "meta", "scripts", "pyproject.toml", "galaxy.yml", "LICENSE", *PAGES)

pytest.importorskip("hatchling", reason="hatchling builds the wheel")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build sdist, the wheel from that, and the collection from a copy of the checkout; return where they are."""
    copy = tmp_path_factory.mktemp("checkout")
    for name in SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    (copy / "plugins").symlink_to("ansible_svc/plugins")
    target = tmp_path_factory.mktemp("dist")
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target, copy)
    _run(_galaxy(), "collection", "build", "--output-path", target, copy)
    return target


@pytest.fixture(scope="module")
def environment(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel beside ansible-core and mitogen of this environment; return the new environment's bin."""
    directory = tmp_path_factory.mktemp("venv")
    _run(sys.executable, "-m", "venv", "--without-pip", directory)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(directory)}))
    # The dependencies without a download. Path files in a directory that a path file names are not read, so the
    # checkout of an editable install does not come along.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = built.glob("*.whl")
    python = directory / "bin" / "python"
    _run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel)
    return directory / "bin"


def test_wheel_holds_package_and_collection_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names if ".dist-info/" not in name} == {"ansible_svc", "ansible_collections"}
    plugins = {name.removeprefix("ansible_svc/") for name in names if name.startswith("ansible_svc/plugins/")}
    collection = "ansible_collections/ansible_svc/svc/"
    assert plugins == {name.removeprefix(collection) for name in names if name.startswith(f"{collection}plugins/")}
    assert "plugins/strategy/svc_linear.py" in plugins
    assert f"{collection}meta/runtime.yml" in names


def test_collection_holds_plugins_and_pages_only(built: Path) -> None:
    (archive,) = built.glob("ansible_svc-svc-*.tar.gz")
    with tarfile.open(archive) as tar:
        names = {member.name for member in tar.getmembers() if not member.isdir()}
    assert "ansible_svc/plugins/strategy/svc_linear.py" in names
    assert "docs/quickstart.md" in names
    others = {name for name in names if not name.startswith(("ansible_svc/plugins/", "docs/"))}
    assert others == {
        "MANIFEST.json",
        "FILES.json",
        "LICENSE",
        *PAGES,
        "meta/ee-bindep.txt",
        "meta/ee-requirements.txt",
        "meta/execution-environment.yml",
        "meta/runtime.yml",
        "plugins",
    }


def test_versions_agree(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    (archive,) = built.glob("ansible_svc-svc-*.tar.gz")
    version = wheel.name.split("-")[1]
    assert archive.name.removesuffix(".tar.gz").split("-")[2] == version
    with tarfile.open(archive) as tar:
        asked = tar.extractfile("meta/ee-requirements.txt")
        assert asked is not None
        requirement = Requirement(asked.read().decode().strip())
    assert requirement.name == wheel.name.split("-")[0].replace("_", "-")
    assert Version(version) in requirement.specifier


def test_fully_qualified_name_works_after_pip_install_alone(lab: Lab, environment: Path, tmp_path: Path) -> None:
    _plays_with(lab, environment, {"ANSIBLE_STRATEGY": "ansible_svc.svc.svc_linear"}, tmp_path)


def test_short_name_works_with_the_path_that_the_command_prints(lab: Lab, environment: Path, tmp_path: Path) -> None:
    path = _run(environment / "ansible-svc", "path").strip()
    assert Path(path).is_relative_to(environment.parent)
    _plays_with(lab, environment, {"ANSIBLE_STRATEGY": "svc_linear", "ANSIBLE_STRATEGY_PLUGINS": path}, tmp_path)


def test_collection_installs_with_ansible_galaxy(lab: Lab, built: Path, environment: Path, tmp_path: Path) -> None:
    (archive,) = built.glob("ansible_svc-svc-*.tar.gz")
    _run(_galaxy(), "collection", "install", "--offline", "-p", tmp_path, archive)
    installed = {"ANSIBLE_STRATEGY": "ansible_svc.svc.svc_linear", "ANSIBLE_COLLECTIONS_PATH": str(tmp_path)}
    _plays_with(lab, environment, installed, tmp_path)


def test_the_wheel_runs_the_demo_playbook(lab: Lab, environment: Path, tmp_path: Path) -> None:
    users = {"become_to": "svclab1"} if lab.accounts else {}
    result = _run_playbook(
        lab,
        environment,
        {"ANSIBLE_STRATEGY": "ansible_svc.svc.svc_linear"},
        tmp_path,
        EXAMPLES / "site.yml",
        lab.inventory(3, **users),
        ["--vault-password-file", str(EXAMPLES / "vault-password"), "-e", f"controller_workdir={tmp_path / 'build'}"],
    )
    statistics = json.loads((tmp_path / "stats.json").read_text())
    assert (statistics["tasks"]["forked"], statistics["tasks"]["stock"]) == (0, 0), result
    assert {counts["built"] for counts in statistics["modules"]["names"].values()} == {1}


def _plays_with(lab: Lab, environment: Path, variables: dict[str, str], tmp_path: Path) -> None:
    """Run a small playbook in the environment; every host has to have done its work."""
    result = _run_playbook(lab, environment, variables, tmp_path, PLAYS, lab.inventory(2))
    assert {event["result"]["stdout"] for event in result.results(task="look")} == {"host01", "host02"}


def _run_playbook(
    lab: Lab,
    environment: Path,
    variables: dict[str, str],
    tmp_path: Path,
    playbook: Any,
    inventory: Path,
    args: Sequence[str] = (),
) -> Any:
    """Run a playbook in the environment; its strategy has to be ours, from there, and to have run the tasks itself."""
    stats = tmp_path / "stats.json"
    result = lab.run_playbook(
        playbook,
        inventory,
        _plain_cfg(lab),
        args,
        timeout_s=150,
        env={
            **variables,
            "PYTHONPATH": "",
            "ANSIBLE_SVC_STATS_FILE": str(stats),
            "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={lab.sshd.known_hosts}",
            "ANSIBLE_CALLBACK_PLUGINS": str(CHECKOUT / "tests" / "lab" / "plugins" / "callback"),
            "ANSIBLE_CALLBACKS_ENABLED": "jsonlines",
        },
        command=[str(environment / "python"), "-m", "ansible", "playbook"],
    )
    assert result.rc == 0, result
    assert stats.exists(), result
    return result


def _plain_cfg(lab: Lab) -> Path:
    """Return a configuration that leads nowhere: the checkout must not be found through it."""
    path = lab.directory / "plain.cfg"
    path.write_text(f"[defaults]\nhome={lab.directory / 'controller' / 'ansible'}\n")
    return path


def _galaxy() -> Path:
    return Path(sys.executable).parent / "ansible-galaxy"


def _run(*command: str | os.PathLike[str]) -> str:
    done = subprocess.run(
        [os.fspath(part) for part in command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        cwd="/",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
