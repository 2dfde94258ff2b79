# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Build what is published, and make environments to install it into, without a download."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.lab.lab import CHECKOUT

PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
_SOURCES = ("ansible_svc", "docs", "meta", "scripts", "pyproject.toml", "galaxy.yml", "LICENSE", *PAGES)


def build(copy: Path, target: Path) -> None:
    """Build sdist, the wheel from that, and the collection, from a copy of the checkout made in an empty directory."""
    for name in _SOURCES:
        source = CHECKOUT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, copy / name)
    (copy / "plugins").symlink_to("ansible_svc/plugins")
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", target, copy)
    run(sys.executable, "-m", "ansible", "galaxy", "collection", "build", "--output-path", target, copy)


def make_environment(directory: Path, dependencies: Path) -> Path:
    """Make a virtual environment that also imports what is in the directory dependencies; return its Python.

    Path files in a directory that a path file names are not read (site.addsitedir reads those of site directories
    alone), so the checkout of an editable install does not come along.
    """
    run(sys.executable, "-m", "venv", "--without-pip", directory)
    site = Path(sysconfig.get_path("purelib", vars={"base": str(directory)}))
    (site / "dependencies.pth").write_text(f"{dependencies}\n")
    return directory / "bin" / "python"


def install_wheel(python: Path, dist: Path) -> None:
    """Install the wheel that was built into dist, and nothing that it depends on."""
    (wheel,) = dist.glob("*.whl")
    run(sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--no-index", "--quiet", wheel)


def install_collection(python: Path, dist: Path, target: Path) -> None:
    """Install the collection that was built into dist below target, with the ansible-galaxy of python's environment."""
    (archive,) = dist.glob("ansible_svc-svc-*.tar.gz")
    run(python, "-m", "ansible", "galaxy", "collection", "install", "--offline", "-p", target, archive)


def link(name: str, directory: Path) -> None:
    """Link a distribution of this environment, and all that it depends on, into a directory, and nothing else."""
    directory.mkdir()
    for distribution in with_dependencies(name):
        for top in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
            (directory / top).symlink_to(str(distribution.locate_file(top)))


def with_dependencies(name: str) -> Iterator[importlib.metadata.Distribution]:
    """Yield an installed distribution and what it depends on, directly or not, as their metadata says; no extras."""
    seen: set[str] = set()
    todo = [name]
    while todo:
        canonical = canonicalize_name(todo.pop())
        if canonical in seen:
            continue
        seen.add(canonical)
        distribution = importlib.metadata.distribution(canonical)
        yield distribution
        for text in distribution.requires or []:
            requirement = Requirement(text)
            if requirement.marker is None or requirement.marker.evaluate({"extra": ""}):
                todo.append(requirement.name)


def run(*command: str | os.PathLike[str], env: Mapping[str, str] | None = None) -> str:
    """Run a command to its end, which has to be a good one, and return what it printed; env: beyond this process's."""
    inherited = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(
        [os.fspath(part) for part in command],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        stdin=subprocess.DEVNULL,
        env=inherited | dict(env or {}),
        cwd="/",
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
