# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run `ansible-test sanity` on a staged copy of the collection.

ansible-test wants a collection in a directory ansible_collections/NAMESPACE/NAME, under version control, and looks
through no links, so the checkout itself will not do. It runs as the ansible-test of this interpreter's environment.
All its tests run, pylint included, and nothing is ignored.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
CACHE = CHECKOUT / ".cache" / "sanity"
_PAGES = ("README.md", "LICENSE", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "docs")
_PARTS = ("meta", "changelogs", "galaxy.yml", *_PAGES)
# ansible-test makes an environment for each test and downloads an installer of pip for it, unless one is cached. The
# interpreter brings one of its own.
_INSTALL_PIP = """\
import subprocess, sys
subprocess.run([sys.executable, "-m", "ensurepip", "--default-pip"], check=True)
packages = [word for word in sys.argv[1:] if not word.startswith("-")]
subprocess.run([sys.executable, "-m", "pip", "install", "--disable-pip-version-check", *packages], check=True)
"""


def main(arguments: list[str]) -> int:
    """Stage the collection and run the tests; arguments go to ansible-test. Return its exit code."""
    core = ".".join(version("ansible-core").split(".")[:2])
    home = CACHE / core
    collection = home / "ansible_collections" / "ansible_svc" / "svc"
    _stage(collection)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {
        "HOME": str(home),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "LC_ALL": "C.UTF-8",
    }
    _link_pip_configuration(home)
    _cache_pip_installer(home)
    program = Path(sys.executable).parent / "ansible-test"
    command = [str(program), "sanity", "--requirements", "--python", python, *arguments]
    return subprocess.run(command, cwd=collection, env=environment, stdin=subprocess.DEVNULL, check=False).returncode


def _stage(collection: Path) -> None:
    """Copy what the collection is made of, and put it under version control."""
    shutil.rmtree(collection, ignore_errors=True)
    collection.mkdir(parents=True)
    ignore = shutil.ignore_patterns("__pycache__")
    shutil.copytree(CHECKOUT / "ansible_svc" / "plugins", collection / "plugins", ignore=ignore)
    for name in _PARTS:
        source, target = CHECKOUT / name, collection / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=ignore)
        else:
            shutil.copy(source, target)
    for command in (["init", "--quiet"], ["add", "--all"]):
        subprocess.run(["git", *command], cwd=collection, check=True)


def _link_pip_configuration(home: Path) -> None:
    """Let pip find the index that this user has configured."""
    for name in (".config/pip", ".pip"):
        own, seen = Path.home() / name, home / name
        if own.is_dir() and not seen.exists():
            seen.parent.mkdir(parents=True, exist_ok=True)
            seen.symlink_to(own)


def _cache_pip_installer(home: Path) -> None:
    """Put an installer of pip where ansible-test keeps the one that it downloads (requirements.py, bootstrap)."""
    # The script runs in environments that ansible-test makes, so what it needs is part of it.
    from ansible_test._internal.python_requirements import get_venv_packages  # type: ignore[import-untyped]  # noqa: I001
    from ansible_test._internal.host_configs import VirtualPythonConfig  # type: ignore[import-untyped]

    release = get_venv_packages(VirtualPythonConfig(version=f"{sys.version_info.major}.{sys.version_info.minor}"))[
        "pip"
    ]
    script = home / ".ansible" / "test" / "cache" / f"get_pip_{release.replace('.', '_')}.py"
    script.parent.mkdir(parents=True, exist_ok=True)
    script.write_text(_INSTALL_PIP)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
