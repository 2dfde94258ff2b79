# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ansible-doc tells of the plugins where wheel or collection are installed."""

from __future__ import annotations

import json
import re
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.integration import packages

COLLECTION = "ansible_svc.svc"
PLUGINS = [
    ("strategy", "svc_linear", "linear"),
    ("strategy", "svc_free", "free"),
    ("strategy", "svc_host_pinned", "host_pinned"),
    ("connection", "svc_ssh", "ssh"),
    ("connection", "svc_local", "local"),
    ("callback", "profile", None),
]
# One option of each kind: its setting in ansible.cfg and its variable in the environment.
KNOWN = {
    "strategy": ("stats_file", {"section": "svc", "key": "stats_file"}, "ANSIBLE_SVC_STATS_FILE"),
    "connection": ("pipelining", {"section": "connection", "key": "pipelining"}, "ANSIBLE_PIPELINING"),
    "callback": ("html", {"section": "svc", "key": "profile_html"}, "ANSIBLE_SVC_PROFILE_HTML"),
}
# What names an option's value beside the option itself.
SOURCES = ("ini", "env", "vars", "cli")


@pytest.fixture(params=["wheel", "collection"])
def ansible_doc(request: pytest.FixtureRequest, environment: Path, built: Path, tmp_path: Path) -> Any:
    """Return a function that runs ansible-doc in an environment with the wheel, or with the collection as well."""
    env = {"HOME": str(tmp_path), "COLUMNS": "120", "ANSIBLE_NOCOLOR": "1", "PAGER": "cat"}
    if request.param == "collection":
        packages.install_collection(environment / "python", built, tmp_path)
        env["ANSIBLE_COLLECTIONS_PATH"] = str(tmp_path)
    return partial(packages.run, environment / "python", "-m", "ansible", "doc", env=env)


def test_pages(ansible_doc: Any) -> None:
    for kind, name, stock in PLUGINS:
        text = ansible_doc("-t", kind, f"{COLLECTION}.{name}")
        option, ini, variable = KNOWN[kind]
        assert re.match(rf"> (?:{kind.upper()} +)?{re.escape(COLLECTION)}\.{name}", text, re.IGNORECASE), text
        for part in (f"- {option}", f"key: {ini['key']}", f"name: {variable}", "EXAMPLES:", "SEE ALSO:"):
            assert part in text, (part, text)
        assert "ansible.builtin.command: uptime" in text.partition("EXAMPLES:")[2], text
        assert stock is None or stock in text.partition("SEE ALSO:")[2], text


def test_json(ansible_doc: Any) -> None:
    for kind in ("strategy", "connection", "callback"):
        names = [f"{COLLECTION}.{name}" for plugin, name, _stock in PLUGINS if plugin == kind]
        found = json.loads(ansible_doc("--json", "-t", kind, *names))
        assert sorted(found) == sorted(names)
        for name in names:
            _complete(kind, name, found[name])


def test_metadata_dump(ansible_doc: Any) -> None:
    dumped = json.loads(ansible_doc("--metadata-dump", COLLECTION))["all"]
    found = {(kind, name): told for kind, plugins in dumped.items() for name, told in plugins.items()}
    assert {key for key in found if key[1].startswith(f"{COLLECTION}.")} == {
        (kind, f"{COLLECTION}.{name}") for kind, name, _stock in PLUGINS
    }
    for (kind, name), told in found.items():
        if name.startswith(f"{COLLECTION}."):
            _complete(kind, name, told)


def _complete(kind: str, name: str, told: dict[str, Any]) -> None:
    """Check what ansible-doc knows of a plugin."""
    doc = told["doc"]
    option, ini, variable = KNOWN[kind]
    assert ini in doc["options"][option]["ini"], name
    assert {"name": variable} in [{"name": each["name"]} for each in doc["options"][option]["env"]], name
    for each, description in doc["options"].items():
        assert description["description"], (name, each)
        assert any(description.get(source) for source in SOURCES), (name, each)
    assert "ansible.builtin.command: uptime" in told["examples"], name
    stock = {f"{COLLECTION}.{plugin}": stock for _kind, plugin, stock in PLUGINS}[name]
    named = {(each["plugin"], each["plugin_type"]) for each in doc["seealso"]}
    assert named, name
    assert stock is None or (f"ansible.builtin.{stock}", kind) in named, name
    assert doc["short_description"] and doc["description"] and doc["notes"], name


@pytest.mark.parametrize(("name", "stock"), [(name, stock) for kind, name, stock in PLUGINS if kind == "connection"])
def test_connections_have_every_option_of_ansible_cores(environment: Path, name: str, stock: str) -> None:
    """With each of its names: the plugins take inventories and configurations unchanged."""
    names = [f"{COLLECTION}.{name}", f"ansible.builtin.{stock}"]
    found = json.loads(
        packages.run(environment / "python", "-m", "ansible", "doc", "--json", "-t", "connection", *names)
    )
    ours, theirs = (_sources(found[each]["doc"]["options"]) for each in names)
    assert theirs <= ours
    defaults = [
        {option: told.get("default") for option, told in found[each]["doc"]["options"].items()} for each in names
    ]
    assert defaults[0].items() >= defaults[1].items()


def _sources(options: dict[str, Any]) -> set[tuple[str, ...]]:
    """Return every way in which an option can be given: option, source, and the name there."""
    found = {(option,) for option in options}
    for option, told in options.items():
        for source in SOURCES:
            for each in told.get(source, []):
                found.add((option, source, each.get("section", ""), each.get("key", each.get("name", ""))))
    return found
