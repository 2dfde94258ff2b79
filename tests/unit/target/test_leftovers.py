# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a runner notes for its zygote; how it is removed is tested with real ones."""

from __future__ import annotations

import atexit
import mmap
import os
import shutil
from pathlib import Path

import pytest

from ansible_svc.target.leftovers import Leftovers


def test_what_was_noted_is_told_until_it_is_cleared() -> None:
    leftovers = Leftovers()
    assert leftovers.paths() == []
    leftovers.add("/a b")
    leftovers.add("/ä\n\udcff")
    assert leftovers.paths() == [b"/a b", "/ä\n".encode() + b"\xff"]
    leftovers.clear()
    assert leftovers.paths() == []
    leftovers.add("/c")
    assert leftovers.paths() == [b"/c"]


def test_what_does_not_fit_is_not_noted_in_part() -> None:
    leftovers = Leftovers()
    leftovers.add("/first")
    leftovers.add("/" + "x" * mmap.PAGESIZE)
    leftovers.add("/third")
    assert leftovers.paths() == [b"/first", b"/third"]
    rest = mmap.PAGESIZE - 2 - len(b"/first\0/third\0") - len("/\0")
    leftovers.add("/" + "y" * (rest + 1))
    assert len(leftovers.paths()) == 2
    leftovers.add("/" + "y" * rest)
    assert leftovers.paths()[2] == b"/" + b"y" * rest


def test_what_is_left_to_atexit_to_remove_is_noted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    registered = []
    monkeypatch.setattr(atexit, "register", lambda *arguments, **options: registered.append((arguments, options)))
    monkeypatch.chdir(tmp_path)
    leftovers = Leftovers()
    leftovers.watch()
    atexit.register(shutil.rmtree, "/one", ignore_errors=True)
    atexit.register(shutil.rmtree, "relative")
    atexit.register(os.rmdir, "/another")
    atexit.register(shutil.rmtree, path="/by name")
    assert leftovers.paths() == [b"/one", os.fsencode(tmp_path / "relative")]
    assert registered[0] == ((shutil.rmtree, "/one"), {"ignore_errors": True})
    assert len(registered) == 4
