# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the pages on moving and on deprecation to what Mitogen for Ansible and ansible-core say themselves."""

from __future__ import annotations

import ast
import importlib.util
import re
from pathlib import Path

import ansible.plugins.loader
import pytest

DOCS = Path(__file__).resolve().parents[3] / "docs"
MOVING = (DOCS / "from-mitogen.md").read_text("utf-8")


@pytest.fixture(scope="module")
def theirs() -> Path:
    """Return the folder of Mitogen for Ansible, which comes with mitogen's wheel and is not imported here."""
    found = importlib.util.find_spec("ansible_mitogen")
    if found is None or found.origin is None:
        pytest.skip("this mitogen comes without Mitogen for Ansible")
    return Path(found.origin).parent


def test_every_variable_is_named(theirs: Path) -> None:
    text = (theirs / "transport_config.py").read_text("utf-8")
    variables = set(re.findall(r"""\(['"](mitogen_\w+)['"]\)""", text))
    assert {"mitogen_via", "mitogen_ssh_compression"} <= variables
    assert sorted(name for name in variables if f"`{name}`" not in MOVING) == []


def test_every_variable_that_is_read_elsewhere_is_named(theirs: Path) -> None:
    # Options of tasks and settings of the process, which transport_config.py does not know.
    found = set()
    for path in theirs.rglob("*.py"):
        found |= set(re.findall(r"""['"](mitogen_task_isolation|MITOGEN_[A-Z_]+)['"]""", path.read_text("utf-8")))
    assert {"mitogen_task_isolation", "MITOGEN_POOL_SIZE"} <= found
    assert sorted(name for name in found if f"`{name}`" not in MOVING) == []


@pytest.mark.parametrize("kind", ["connection", "strategy"])
def test_every_plugin_is_named(kind: str, theirs: Path) -> None:
    plugins = {path.stem for path in (theirs / "plugins" / kind).glob("mitogen_*.py")}
    assert len(plugins) > 2
    assert sorted(name for name in plugins if f"`{name}`" not in MOVING) == []


def test_the_deprecation_is_quoted_in_full() -> None:
    loader = ast.parse(Path(str(ansible.plugins.loader.__file__)).read_text("utf-8"))
    strings = [
        node.value for node in ast.walk(loader) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    (warning,) = (text for text in strings if text.startswith("Use of strategy plugins"))
    page = (DOCS / "faq.md").read_text("utf-8")
    assert warning in " ".join(line.removeprefix("> ").strip() for line in page.splitlines())
