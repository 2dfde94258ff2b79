# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the pages to the plugins, to the files they point at, and to the site's table of contents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.version import Version

import ansible_svc
from scripts import options_reference

CHECKOUT = Path(__file__).resolve().parents[3]
DOCUMENTS = sorted([*CHECKOUT.glob("*.md"), *(CHECKOUT / "docs").glob("*.md")])
_LINK = re.compile(r"\]\((?!https?:|#)([^)\s#]+)")
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def test_options_page_is_what_the_plugins_say() -> None:
    assert options_reference.PAGE.read_text("utf-8") == options_reference.page(), "run `make options`"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    targets = _LINK.findall(_FENCED.sub("", document.read_text("utf-8")))
    assert [target for target in targets if not (document.parent / target).exists()] == []


@pytest.mark.parametrize("document", ["README.md", "CONTRIBUTING.md", "SECURITY.md"])
def test_the_collection_has_what_its_pages_link_to(document: str) -> None:
    left_out = set(yaml.safe_load((CHECKOUT / "galaxy.yml").read_text("utf-8"))["build_ignore"])
    targets = _LINK.findall(_FENCED.sub("", (CHECKOUT / document).read_text("utf-8")))
    assert document not in left_out
    assert [target for target in targets if target.split("/")[0] in left_out] == []


def test_versions_agree() -> None:
    galaxy = yaml.safe_load((CHECKOUT / "galaxy.yml").read_text("utf-8"))
    asked = Requirement((CHECKOUT / "meta" / "ee-requirements.txt").read_text("utf-8").strip())
    assert galaxy["version"] == ansible_svc.__version__
    assert asked.name == "ansible-svc"
    assert Version(ansible_svc.__version__) in asked.specifier


def test_the_change_log_names_every_plugin_and_sub_command() -> None:
    text = (CHECKOUT / "CHANGELOG.md").read_text("utf-8").replace("\\", "")
    plugins = {path.stem for path in (CHECKOUT / "ansible_svc" / "plugins").glob("[!_]*/[!_]*.py")}
    sub_commands = {f"ansible-svc {path.stem}" for path in (CHECKOUT / "ansible_svc" / "cli").glob("[!_]*.py")}
    names = (plugins - {"strategy"}) | sub_commands
    assert {"svc_free", "svc_host_pinned", "profile", "ansible-svc cache"} <= names
    assert [name for name in sorted(names) if name not in text] == []


def test_contributing_names_every_folder_and_hook() -> None:
    page = (CHECKOUT / "docs" / "contributing.md").read_text("utf-8")
    package = {f"ansible_svc/{path.parent.name}/" for path in (CHECKOUT / "ansible_svc").glob("*/__init__.py")}
    others = {"bench/", "changelogs/", "docs/", "examples/", "meta/", "molecule/", "scripts/"}
    assert [folder for folder in sorted(package | others) if f"`{folder}`" not in page] == []
    hooks = yaml.safe_load((CHECKOUT / ".pre-commit-config.yaml").read_text("utf-8"))["repos"][0]["hooks"]
    assert [hook["entry"] for hook in hooks if f"`{hook['entry']}`" not in page] == []


def test_every_page_is_in_the_table_of_contents() -> None:
    listed = set(re.findall(r"[\w-]+\.md", (CHECKOUT / "mkdocs.yml").read_text("utf-8")))
    assert {path.name for path in (CHECKOUT / "docs").glob("*.md")} == listed


def test_markup_of_ansible_is_gone_from_the_options_page() -> None:
    assert re.findall(r"\b[PCVOEUIB]\([^)]*\)", options_reference.page()) == []


def test_options_page_describes_every_plugin() -> None:
    text = options_reference.page()
    for kind in ("strategy", "callback", "connection"):
        for path in (CHECKOUT / "ansible_svc" / "plugins" / kind).glob("[!_]*.py"):
            (description,) = re.findall(r"^short_description: (.+)$", path.read_text("utf-8"), re.MULTILINE)
            assert f"{description}." in text
