# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ansible-svc command."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.errors import AnsibleError

import ansible_svc
from ansible_svc.cli import cache, main, sub_commands
from ansible_svc.cli._exit_codes import EXIT_CODES
from ansible_svc.cli._installation import settings
from ansible_svc.cli.path import PLUGIN_KINDS, plugin_path


@pytest.mark.parametrize(
    ("argv", "kind", "plugin"),
    [
        (["path"], "strategy", "svc_linear"),
        (["path", "strategy"], "strategy", "svc_free"),
        (["path", "connection"], "connection", "svc_ssh"),
        (["path", "callback"], "callback", "profile"),
    ],
)
def test_path(argv: list[str], kind: str, plugin: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(argv) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    folder = Path(printed.out.rstrip("\n"))
    assert printed.out == f"{folder}\n"
    assert folder.is_absolute()
    assert folder.name == kind
    assert (folder / f"{plugin}.py").is_file()
    assert folder == plugin_path(kind)


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert ended.value.code == 0
    assert capsys.readouterr().out == f"ansible-svc {ansible_svc.__version__}\n"


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["path", "lookup"],
        ["path", "strategy", "connection"],
        ["no-such-command"],
        ["--no-such-option"],
        ["path", "-x"],
    ],
    ids=" ".join,
)
def test_wrong_usage(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("usage: ansible-svc")


@pytest.mark.parametrize("argv", [["bench", "site.yml"], ["doctor"]], ids=" ".join)
def test_a_missing_library_is_one_sentence(
    argv: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    there = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "rich" else there(name))
    assert main(argv) == 3
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert "pip install 'ansible-svc[cli]', or ask for --json" in printed.err


@pytest.mark.parametrize("command", ["", *(module.__name__.rpartition(".")[2] for module in sub_commands())])
def test_help_tells_the_exit_codes(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([*command.split(), "--help"])
    assert EXIT_CODES in capsys.readouterr().out


@pytest.mark.parametrize("argv", [["--help"], ["path", "--help"]], ids=" ".join)
def test_help(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("usage: ansible-svc")


def test_path_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["path", "--json"]) == 0
    expected = {f"{kind}_plugins": str(plugin_path(kind)) for kind in PLUGIN_KINDS}
    assert json.loads(capsys.readouterr().out) == expected


def test_a_file_is_a_sub_command() -> None:
    folder = Path(ansible_svc.__path__[0]) / "cli"
    files = {path.stem for path in folder.glob("[!_]*.py")}
    assert {module.__name__.rpartition(".")[2] for module in sub_commands()} == files
    assert "path" in files


def test_every_kind_is_there() -> None:
    for kind in PLUGIN_KINDS:
        assert list(plugin_path(kind).glob("[!_]*.py"))


@pytest.mark.parametrize("verb", ["show", "clear"])
def test_an_error_of_ansible_core_is_one_sentence(
    verb: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def ask(passed_on: list[str], clear: bool) -> dict[str, dict[str, Any]]:
        raise AnsibleError("there are no hosts")

    monkeypatch.setattr(cache, "ask", ask)
    assert main(["cache", verb, "--json"]) == 1
    assert capsys.readouterr() == ("", "ansible-svc: there are no hosts\n")


def test_every_sub_command_is_in_the_documentation() -> None:
    page = (Path(__file__).resolve().parents[3] / "docs" / "cli.md").read_text("utf-8")
    for module in sub_commands():
        assert f"\n## {module.__name__.rpartition('.')[2]}\n" in page


def test_doctor_renders_what_is_a_template_by_default() -> None:
    found = settings()["strategy_plugins"]
    assert found["origin"] == "default"
    assert str(found["value"][0]).endswith("/plugins/strategy")
    assert "{{" not in str(found)
