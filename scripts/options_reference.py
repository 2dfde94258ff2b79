# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write docs/options.md from the documentation of the plugins: python -m scripts.options_reference [--check]."""

from __future__ import annotations

import argparse
import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

CHECKOUT = Path(__file__).resolve().parents[1]
PAGE = CHECKOUT / "docs" / "options.md"
_KINDS = ("strategy", "callback", "connection")
_HEAD = """\
# Options

<!-- Made by `make options` from the documentation of the plugins. Do not edit. -->

`ansible-doc -t strategy ansible_svc.svc.svc_linear` shows the same in a terminal. An option of a strategy or callback
is taken from the environment or else from `ansible.cfg`; it counts for all hosts. An option of a connection is taken,
in this order, from a variable of the host, from the environment and from `ansible.cfg`.
"""
# Ansible's markup of documentation (docs.ansible.com, "Ansible markup").
_MARKUP = (
    (re.compile(r"P\(([\w.]+)#(\w+)\)"), r"`\1`"),
    (re.compile(r"[COVE]\(([^()]*)\)"), r"`\1`"),
    (re.compile(r"U\(([^()]*)\)"), r"<\1>"),
    (re.compile(r"I\(([^()]*)\)"), r"*\1*"),
    (re.compile(r"B\(([^()]*)\)"), r"**\1**"),
)


def page() -> str:
    """Return the page's text."""
    lines = [_HEAD]
    for kind in _KINDS:
        for group in _plugins(kind):
            names = ", ".join(documentation["name"] for documentation in group)
            lines += [f"## {kind.capitalize()}: {names}\n", *_section(kind, group)]
    return "\n".join(lines).rstrip() + "\n"


def _plugins(kind: str) -> Iterator[list[dict[str, Any]]]:
    """Yield what plugins document, those with equal options together."""
    groups: list[list[dict[str, Any]]] = []
    # The plugin that others are variants of stands first.
    files = (CHECKOUT / "ansible_svc" / "plugins" / kind).glob("*.py")
    for path in sorted(files, key=lambda path: ("linear" not in path.name, path.name)):
        if path.name == "__init__.py":
            continue
        documentation = _documentation(path)
        for group in groups:
            if group[0]["options"] == documentation["options"]:
                group.append(documentation)
                break
        else:
            groups.append([documentation])
    yield from groups


def _documentation(path: Path) -> dict[str, Any]:
    """Return a plugin's DOCUMENTATION with that of the fragments it names, without importing any of them."""
    documentation = _literal(path)
    for name in documentation.get("extends_documentation_fragment", ()):
        fragment = _literal(path.parents[1] / "doc_fragments" / (name.rpartition(".")[2] + ".py"))
        documentation["options"] = fragment.get("options", {}) | documentation.get("options", {})
        documentation["notes"] = [*documentation.get("notes", []), *fragment.get("notes", [])]
    return documentation


def _literal(path: Path) -> dict[str, Any]:
    """Return the value of the DOCUMENTATION that a file assigns, which is a literal."""
    for statement in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(statement, ast.Assign) and [getattr(t, "id", "") for t in statement.targets] == ["DOCUMENTATION"]:
            return dict(yaml.safe_load(ast.literal_eval(statement.value)))
    raise ValueError(f"{path} has no DOCUMENTATION")


def _section(kind: str, group: list[dict[str, Any]]) -> list[str]:
    """Return the lines about plugins that share their options: what each is, then the options and notes."""
    lines = _descriptions(group)
    columns = ("variable", "ini", "environment") if kind == "connection" else ("ini", "environment")
    lines.append(f"| option | type and default | {' | '.join(columns)} | |")
    lines.append("| --- " * (3 + len(columns)) + "|")
    for name, option in group[0]["options"].items():
        cells = [f"`{name}`", _type(option)]
        if kind == "connection":
            cells.append(_names(entry["name"] for entry in option.get("vars", [])))
        cells.append(_names(f"[{entry['section']}] {entry['key']}" for entry in option.get("ini", [])))
        cells.append(_names(entry["name"] for entry in option.get("env", [])))
        cells.append(_text(" ".join(_sentences(option["description"]))))
        lines.append("| " + " | ".join(cells) + " |")
    notes = dict.fromkeys(_text(note) for documentation in group for note in _sentences(documentation.get("notes", [])))
    return [*lines, "", *(f"- {note}" for note in notes), ""]


def _descriptions(group: list[dict[str, Any]]) -> list[str]:
    if len(group) == 1:
        return [f"{_text(group[0]['short_description'])}.\n"]
    lines = [f"- `{documentation['name']}`: {_text(documentation['short_description'])}." for documentation in group]
    return [*lines, ""]


def _type(option: dict[str, Any]) -> str:
    shown = str(option.get("type", "str"))
    if "choices" in option:
        shown = " or ".join(f"`{choice}`" for choice in option["choices"])
    default = option.get("default")
    if default in (None, "", []):
        return shown
    return f"{shown}; `{str(default).lower() if isinstance(default, bool) else default}`"


def _names(names: Any) -> str:
    return "<br>".join(f"`{name}`" for name in names)


def _sentences(description: str | list[str]) -> list[str]:
    return [description] if isinstance(description, str) else description


def _text(text: str) -> str:
    for pattern, replacement in _MARKUP:
        text = pattern.sub(replacement, text)
    return text.replace("|", "\\|")


def main() -> int:
    """Write the page, or tell with --check that it is not current; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, fail when the page is not current")
    if parser.parse_args().check:
        if not PAGE.exists() or PAGE.read_text("utf-8") != page():
            print("docs/options.md is not what the plugins say; run `make options`", file=sys.stderr)
            return 1
        return 0
    PAGE.write_text(page(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
