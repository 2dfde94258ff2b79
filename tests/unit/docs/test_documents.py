# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold the pages to the plugins, to the files they point at, and to the site's table of contents."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

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
