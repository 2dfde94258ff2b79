# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give integration tests a lab, and check after each test that it left nothing behind."""

from __future__ import annotations

import importlib.util
import shutil
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration import packages
from tests.integration.needs import lacking
from tests.lab import Lab
from tests.lab.leaks import Watch

_LAB = pytest.StashKey[Lab]()


@pytest.fixture(scope="session")
def lab(request: pytest.FixtureRequest) -> Iterator[Lab]:
    """Keep one lab for the whole session; tests write below `{{ workdir }}` of its hosts or in tmp_path."""
    with Lab() as lab:
        request.config.stash[_LAB] = lab
        yield lab
        del request.config.stash[_LAB]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build sdist, wheel and collection from a copy of the checkout; return where they are."""
    if importlib.util.find_spec("hatchling") is None:
        lacking("hatchling, which builds the wheel, is not installed (make setup)")
    target = tmp_path_factory.mktemp("dist")
    packages.build(tmp_path_factory.mktemp("checkout"), target)
    return target


@pytest.fixture(scope="session")
def environment(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the wheel beside ansible-core and mitogen of this environment; return the new environment's bin."""
    python = packages.make_environment(tmp_path_factory.mktemp("venv"), Path(sysconfig.get_path("purelib")))
    packages.install_wheel(python, built)
    return python.parent


@pytest.fixture(autouse=True)
def nothing_left(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail the test when a thread, descriptor, process or temporary file of it is left a moment after its end."""
    # Settled before TMPDIR changes, or pytest would put every tmp_path into this test's private directory.
    tmp_path_factory.getbasetemp()
    # Short, because unix sockets are made in it: sun_path holds 108 bytes (unix(7)).
    temporary = Path(tempfile.mkdtemp(prefix="svct-"))
    temporary.chmod(0o1777)
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    try:
        watch = Watch(request.config.stash.get(_LAB, None), temporary)
        yield
        left = watch.left()
        assert not left, "left behind:\n  " + "\n  ".join(left)
    finally:
        shutil.rmtree(temporary)
