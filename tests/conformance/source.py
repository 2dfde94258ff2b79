# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fetch the sdist of an ansible-core release and unpack it, outside the repository.

Knows pip and tar; knows nothing of targets or of how they are run.
"""

from __future__ import annotations

import os
import pwd
import subprocess
import tarfile
from importlib import metadata
from pathlib import Path

from tests.conformance.errors import ConformanceError

_DISTRIBUTION = "ansible-core"


def cache_dir() -> Path:
    """Return where downloads, images, logs and results are kept: below XDG_CACHE_HOME, or ~/.cache without it."""
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    base = os.environ.get("XDG_CACHE_HOME") or f"{home}/.cache"
    return Path(base).absolute() / "ansible_svc_conformance"


def installed_version(python: str) -> str:
    """Return the version of ansible-core that the interpreter `python` has installed."""
    program = f"from importlib import metadata; print(metadata.version({_DISTRIBUTION!r}))"
    done = subprocess.run([python, "-c", program], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ConformanceError(f"{python} has no {_DISTRIBUTION}; name a version with --core:\n{done.stderr.strip()}")
    return done.stdout.strip()


def own_version() -> str:
    """Return the version of ansible-core in this very interpreter."""
    return metadata.version(_DISTRIBUTION)


def sdist(version: str, python: str, cache: Path) -> Path:
    """Return the sdist archive of ansible-core `version`, downloading it with `python -m pip` if it is not here yet."""
    downloads = cache / "sdist"
    archive = downloads / f"ansible_core-{version}.tar.gz"
    if not archive.is_file():
        downloads.mkdir(parents=True, exist_ok=True)
        command = [python, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", _DISTRIBUTION]
        command += [f"{_DISTRIBUTION}=={version}", "--dest", str(downloads)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if not archive.is_file():
            raise ConformanceError(f"could not download the sdist of {_DISTRIBUTION} {version}:\n{done.stderr.strip()}")
    return archive


def unpack(archive: Path, destination: Path) -> None:
    """Unpack `archive` into `destination`, without its top directory.

    Raises ConformanceError when the archive carries no integration targets.
    """
    destination.mkdir(parents=True)
    with tarfile.open(archive) as tar:
        members = []
        for member in tar.getmembers():
            _, _, inner = member.name.partition("/")
            if inner:
                members.append(member.replace(name=inner, deep=False))
                if member.islnk():
                    members[-1].linkname = member.linkname.partition("/")[2]
        tar.extractall(destination, members=members, filter="tar")
    if not (destination / "test/integration/targets").is_dir():
        raise ConformanceError(f"{archive.name} carries no test/integration/targets")
