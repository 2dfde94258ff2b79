# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many connections the limit of open files leaves room for."""

from __future__ import annotations

import resource
import subprocess

import pytest

from ansible_svc.transport import descriptors
from ansible_svc.transport.descriptors import room_for, with_given_limit


class Limits:
    """Be the system's limits; more than the highest it does not allow, whatever it says."""

    def __init__(self, soft: int, hard: int) -> None:
        self.now = soft, hard
        self.highest = hard

    def get(self, which: int) -> tuple[int, int]:
        assert which == resource.RLIMIT_NOFILE
        return self.now

    def set(self, which: int, limits: tuple[int, int]) -> None:
        assert which == resource.RLIMIT_NOFILE
        if limits[0] > self.highest:
            raise ValueError("not allowed to raise maximum limit")
        self.now = limits


@pytest.fixture
def limits(monkeypatch: pytest.MonkeyPatch) -> Limits:
    made = Limits(1024, 4096)
    monkeypatch.setattr(resource, "getrlimit", lambda which: made.get(which))
    monkeypatch.setattr(resource, "setrlimit", lambda which, given: made.set(which, given))
    return made


def test_nothing_is_changed_where_there_is_room(limits: Limits) -> None:
    assert room_for(192) == 192
    assert limits.now == (1024, 4096)


def test_the_limit_is_raised_by_as_much_as_is_needed(limits: Limits) -> None:
    assert room_for(300) == 300
    assert limits.now == (256 + 4 * 300, 4096)


def test_more_than_the_system_allows_find_no_room(limits: Limits) -> None:
    assert room_for(5000) == (4096 - 256) // 4
    assert limits.now == (4096, 4096)


def test_there_is_room_for_one_at_least(limits: Limits) -> None:
    limits.now = 64, 64
    assert room_for(10) == 1


def test_no_limit_at_all(limits: Limits) -> None:
    limits.now = resource.RLIM_INFINITY, resource.RLIM_INFINITY
    assert room_for(10_000) == 10_000
    limits.now, limits.highest = (1024, resource.RLIM_INFINITY), 1 << 20
    assert room_for(10_000) == 10_000


def test_a_system_that_promises_more_than_it_allows(limits: Limits) -> None:
    limits.highest = 2048
    assert room_for(1000) == (1024 - 256) // 4


def test_a_local_command_sees_the_limit_that_was_given(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real processes: the limit is lowered here, which is as good a change as a raise."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    told = ["/bin/sh", "-c", 'ulimit -n; echo "$1"', "name", "an argument"]
    assert with_given_limit(told) == told
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 24, hard))
        monkeypatch.setattr(descriptors, "_GIVEN", soft - 100)
        out = subprocess.run(with_given_limit(told), capture_output=True, text=True, check=True).stdout
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert out == f"{soft - 100}\nan argument\n"
