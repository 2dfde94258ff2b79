# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a fresh interpreter loads, and what a Python of any age on a target makes of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ansible_svc.service import call
from tests.integration.service.conftest import Controller
from tests.integration.service.remote import Remote

TELL = "import sys; print('%d.%d' % sys.version_info[:2])"


def loaded_by(statement: str) -> set[str]:
    code = "import mitogen.core, sys; before = set(sys.modules); %s; print(*sorted(set(sys.modules) - before))"
    output = subprocess.run([sys.executable, "-c", code % statement], check=True, capture_output=True, text=True)
    return set(output.stdout.split())


def test_the_facade_loads_nothing_by_itself() -> None:
    assert loaded_by("import ansible_svc.service") - {"__future__"} == {"ansible_svc", "ansible_svc.service"}


def test_what_a_target_loads_is_light() -> None:
    loaded = loaded_by("import ansible_svc.service.takeover, ansible_svc.service.pool")
    heavy = {
        "dataclasses",
        "typing",
        "inspect",
        "concurrent",
        "asyncio",
        "mitogen.parent",
        "mitogen.service",
        "mitogen.select",
        "ansible_svc.service.statistics",
        "ansible_svc.service.testing",
        "ansible",
    }
    assert not loaded & heavy


def interpreters() -> dict[str, str]:
    """Return one interpreter for each version of Python that pyenv keeps or that is on the path."""
    found: dict[str, str] = {}
    for path in [*sorted((Path.home() / ".pyenv" / "versions").glob("*/bin/python")), Path(sys.executable)]:
        told = subprocess.run([path, "-c", TELL], capture_output=True, text=True, check=False).stdout.strip()
        if tuple(map(int, told.split("."))) >= (3, 8):
            found.setdefault(told, str(path))
    return found


INTERPRETERS = interpreters()


@pytest.mark.parametrize("version", INTERPRETERS)
def test_a_child_of_any_version(controller: Controller, version: str) -> None:
    context = controller.local(INTERPRETERS[version])
    assert call(context, Remote, "echo", value={"a": [b"\xff", 1.5]}) == {"a": [b"\xff", 1.5]}
    facts = call(context, Remote, "facts")
    assert facts["version"] == [int(part) for part in version.split(".")]
    assert "mitogen.service" not in facts["modules"]
    with pytest.raises(FileNotFoundError) as caught:
        call(context, Remote, "read", path="/does/not/exist")
    assert "in read" in (caught.value.remote_traceback or "")  # type: ignore[attr-defined]
