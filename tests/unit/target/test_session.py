# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Whether an agent still is what its user would be given now."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest

from ansible_svc.target import session
from ansible_svc.target.session import SSH, SUDO, Session
from ansible_svc.target.witness import Witness, look_at


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def account(shell: str) -> pwd.struct_passwd:
    return pwd.struct_passwd(("me", "x", os.getuid(), os.getgid(), "", "/home/me", shell))


@pytest.mark.parametrize(
    ("shell", "file"),
    [("/bin/bash", ".bashrc"), ("/usr/local/bin/zsh", ".zshenv"), ("/usr/bin/fish", ".config/fish/config.fish")],
)
def test_what_the_shell_of_a_login_reads(home: Path, monkeypatch: pytest.MonkeyPatch, shell: str, file: str) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: account(shell))
    made = Session(SSH)
    assert not made.is_outdated()
    path = home / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("export A=1\n")
    assert made.is_outdated()
    assert made.is_outdated(), "it does not become current again by being asked"
    assert not Session(SSH).is_outdated()


@pytest.mark.parametrize("began", ["", SSH])
def test_what_nobody_reads(home: Path, monkeypatch: pytest.MonkeyPatch, began: str) -> None:
    monkeypatch.setattr(pwd, "getpwuid", lambda uid: account("/bin/sh"))
    made = Session(began)
    for name in (".bashrc", ".zshenv", ".profile"):
        (home / name).write_text("export A=1\n")
    assert not made.is_outdated()


def test_a_user_whom_nobody_knows(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(uid: int) -> None:
        raise KeyError(uid)

    monkeypatch.setattr(pwd, "getpwuid", unknown)
    assert not Session(SSH).is_outdated()
    made = Session(SUDO)
    assert not made.is_outdated()
    (home / ".profile").write_text("x")
    assert made.is_outdated()


def test_groups_count_and_other_accounts_do_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = tmp_path / "group"
    accounts.write_text("a")
    groups = [1, 2]
    asked: list[str] = []

    def getgrouplist(name: str, group: int) -> list[int]:
        asked.append(name)
        return list(groups)

    monkeypatch.setattr(session, "_ACCOUNTS", (str(accounts),))
    monkeypatch.setattr(os, "getgrouplist", getgrouplist)
    made = Session(SUDO)
    assert not made.is_outdated()
    assert len(asked) == 1, "the user database is asked only when it has changed"
    accounts.write_text("another account")
    assert not made.is_outdated()
    assert not made.is_outdated()
    assert len(asked) == 2
    groups.append(3)
    accounts.write_text("another group")
    assert made.is_outdated()
    assert made.is_outdated()


def test_witness(tmp_path: Path) -> None:
    file, folder = tmp_path / "file", tmp_path / "folder"
    paths = [str(file), f"{folder}/"]
    seen = [look_at(paths)]

    def differs() -> bool:
        seen.append(look_at(paths))
        return seen[-1] != seen[-2]

    assert not differs()
    file.write_text("1")
    assert differs()
    assert not differs()
    folder.mkdir()
    assert differs()
    (folder / "a").write_text("1")
    assert differs()
    times = folder.stat().st_mtime_ns
    (folder / "a").write_text("22")
    assert folder.stat().st_mtime_ns == times
    assert differs(), "the content of a file in a folder"
    file.unlink()
    assert differs()


def test_a_folder_that_may_not_be_listed_shows_its_own_times(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def denied(path: str) -> list[str]:
        raise PermissionError(path)

    monkeypatch.setattr(os, "listdir", denied)
    witness = Witness([f"{tmp_path}/"])
    assert not witness.has_changed()
    (tmp_path / "new").write_text("")
    os.utime(tmp_path, (1, 1))
    assert witness.has_changed()
