# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

import socket
from typing import cast

from ansible_svc.target.frames import FrameReader
from ansible_svc.target.idle import KEPT, KEPT_S, IdleRunners, Runner
from ansible_svc.target.leftovers import Leftovers

HOST = [(1, 2, 3, 4)]


def runner(number: int, loaded: dict[str, str] | None = None, host: object = HOST) -> Runner:
    made = Runner(number, cast(socket.socket, None), FrameReader(), (0, 0), set(), set(), host, Leftovers())
    made.loaded.update(loaded or {})
    return made


def test_the_one_that_was_used_last_is_taken_first() -> None:
    idle = IdleRunners()
    for number in (1, 2):
        assert idle.put(runner(number), float(number)) == []
    taken = [idle.take({}, HOST)[0] for _ in range(3)]
    assert [one and one.pid for one in taken] == [2, 1, None]


def test_what_a_runner_has_imported_must_be_what_the_bundle_has_or_is_forgotten() -> None:
    idle = IdleRunners()
    idle.put(runner(1, {"a.py": "one"}), 0.0)
    assert idle.take({"a.py": "two"}, HOST) == (None, [])
    for bundle, loaded in (({"a.py": "one", "b.py": "two"}, {"a.py": "one"}), ({"b.py": "two"}, {})):
        found, _outdated = idle.take(bundle, HOST)
        assert found is not None
        assert found.loaded == loaded
        idle.put(found, 0.0)


def test_runners_of_a_host_that_has_changed_are_given_up() -> None:
    idle = IdleRunners()
    old, new = runner(1), runner(2, host=[(5, 6, 7, 8)])
    idle.put(old, 0.0)
    idle.put(new, 0.0)
    assert idle.take({}, [(5, 6, 7, 8)]) == (new, [old])
    assert len(idle) == 0


def test_no_more_are_kept_than_may_be_and_the_oldest_goes() -> None:
    idle = IdleRunners()
    surplus = [one.pid for number in range(KEPT + 2) for one in idle.put(runner(number), float(number))]
    assert surplus == [0, 1]
    assert len(idle) == KEPT


def test_who_waits_for_too_long_goes() -> None:
    idle = IdleRunners()
    assert idle.patience_s(0.0) is None
    early, late = runner(1), runner(2)
    idle.put(early, 10.0)
    idle.put(late, 15.0)
    assert idle.patience_s(12.0) == KEPT_S - 2
    assert idle.expired(10.0 + KEPT_S - 0.1) == []
    assert idle.expired(10.0 + KEPT_S) == [early]
    assert idle.patience_s(1000.0) == 0.0
    idle.drop(late)
    idle.drop(late)
    assert len(idle) == 0
