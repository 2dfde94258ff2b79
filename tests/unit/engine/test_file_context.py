# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A thread's own working directory and umask."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_svc.engine.file_context import FileContext


def on_thread(work: Callable[[], None]) -> None:
    failures: list[BaseException] = []

    def run() -> None:
        try:
            work()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    for failure in failures:
        raise failure


def umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def state() -> tuple[str, int]:
    return os.getcwd(), umask()


def test_what_a_thread_changes_is_seen_by_it_alone_and_taken_back(tmp_path: Path) -> None:
    before = state()

    def work() -> None:
        files = FileContext()
        if not files.own:
            pytest.skip("this system does not give threads their own")
        with files.restored():
            os.chdir(tmp_path)
            os.umask(0o027)
            assert state() == (str(tmp_path), 0o027)
            seen.append(Path("/proc/self/cwd").resolve())
        assert state() == before

    seen: list[Path] = []
    on_thread(work)
    assert seen == [Path(before[0])]
    assert state() == before


def test_a_directory_that_has_gone_hinders_nobody(tmp_path: Path) -> None:
    def work() -> None:
        files = FileContext()
        if not files.own:
            pytest.skip("this system does not give threads their own")
        (tmp_path / "gone").mkdir()
        os.chdir(tmp_path / "gone")
        (tmp_path / "gone").rmdir()
        with files.restored():
            os.umask(0o027)

    on_thread(work)


def test_what_is_shared_is_left_alone() -> None:
    def work() -> None:
        files = FileContext()
        files.own = False
        before = umask()
        with files.restored():
            os.umask(0o027)
        assert umask() == 0o027
        os.umask(before)

    on_thread(work)
