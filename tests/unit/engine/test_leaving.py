# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""When a task leaves its thread because of a lookup, and when it stays."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.plugins.loader import lookup_loader

from ansible_svc.engine.leaving import LeaveThread, watch_lookups
from ansible_svc.engine.running import Run, running
from tests.unit.ansible_setup import set_up
from tests.unit.engine.conftest import FakeCall

SOURCE = """
from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        return terms
"""


@pytest.fixture
def lookups(tmp_path: Path) -> Iterator[None]:
    set_up()
    (tmp_path / "strange.py").write_text(SOURCE)
    lookup_loader.add_directory(str(tmp_path))
    before = lookup_loader.get
    watch_lookups([])
    yield
    lookup_loader.get = before


@pytest.mark.usefixtures("lookups")
def test_a_task_leaves_for_a_lookup_that_nobody_knows() -> None:
    with running(Run(may_leave=True)), pytest.raises(LeaveThread, match="lookup plugin strange is not known"):
        lookup_loader.get("strange")


@pytest.mark.usefixtures("lookups")
@pytest.mark.parametrize("name", ["pipe", "ansible.builtin.pipe", "no_such_lookup"])
def test_a_task_stays_for_the_lookups_of_ansible_core(name: str) -> None:
    with running(Run(may_leave=True)):
        lookup_loader.get(name)


@pytest.mark.usefixtures("lookups")
def test_a_task_stays_for_a_lookup_that_the_user_knows() -> None:
    watch_lookups(["strange"])
    with running(Run(may_leave=True)):
        assert lookup_loader.get("strange") is not None


@pytest.mark.usefixtures("lookups")
def test_a_task_stays_once_it_has_asked_a_host() -> None:
    run = Run(may_leave=True)
    call = FakeCall()
    call.answer("yes")
    with running(run):
        run.ask(call)  # type: ignore[arg-type]
        assert lookup_loader.get("strange") is not None


@pytest.mark.usefixtures("lookups")
def test_other_threads_never_leave() -> None:
    assert lookup_loader.get("strange") is not None
