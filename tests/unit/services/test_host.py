# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What the controller knows of an agent's bundles."""

from __future__ import annotations

import pytest

from ansible_svc.services.host import Host
from ansible_svc.services.modules import Bundle
from ansible_svc.transport.identity import Identity, LocalLogin


def bundle(name: str, *digests: str) -> Bundle:
    files = tuple((f"{name}/{digest}.py", digest) for digest in digests)
    return Bundle(name=name, fqn=name, profile="legacy", shebang=("/usr/bin/python",), files=files)


ONE, TWO = bundle("one", "a", "b"), bundle("two", "b", "c")


@pytest.fixture
def host() -> Host:
    return Host(Identity(LocalLogin()), None, {})


def test_a_new_host_lacks_everything(host: Host) -> None:
    assert host.lacks(ONE) == ["one", "a", "b"]


def test_asking_does_not_change_what_is_lacking(host: Host) -> None:
    """Both of two requests on their way have to be complete: either may arrive first."""
    assert host.lacks(ONE) == host.lacks(ONE)


def test_what_is_there_is_not_sent_again(host: Host) -> None:
    host.holds(ONE)
    assert host.lacks(ONE) == []
    assert host.lacks(TWO) == ["two", "c"]
    host.holds(TWO)
    assert host.lacks(TWO) == []


def test_a_digest_of_two_files_is_sent_once(host: Host) -> None:
    assert host.lacks(bundle("x", "e", "e", "f")) == ["x", "e", "f"]


def test_what_was_forgotten_is_sent_again(host: Host) -> None:
    host.holds(ONE)
    host.holds(TWO)
    host.forgot(ONE, ["a"])
    assert host.lacks(ONE) == ["a"]
    assert host.lacks(TWO) == []


def test_an_agent_that_knows_nothing_gets_everything(host: Host) -> None:
    host.holds(ONE)
    host.forgot(ONE, ["one"])
    assert host.lacks(ONE) == ["one", "a", "b"]


def test_what_the_login_has_is_not_sent_to_whom_it_became() -> None:
    login = Host(Identity(LocalLogin()), None, {})
    became = Host(Identity(LocalLogin()), None, {}, login)
    assert became.lacks(ONE) == ["one", "a", "b"]
    login.holds(ONE)
    assert became.lacks(ONE) == []
    assert became.lacks(TWO) == ["two", "c"]
    became.forgot(ONE, ["a"])
    assert became.lacks(ONE) == ["a"]
    became.forgot(ONE, ["one"])
    assert became.lacks(ONE) == ["one", "a", "b"]


def test_what_a_cache_has_kept_is_not_sent_until_the_agent_lacks_it() -> None:
    digests = [letter * 64 for letter in "abc"]
    both = bundle("d" * 64, *digests)
    host = Host(Identity(LocalLogin()), None, {"kept": ["d" * 12, "a" * 12, "c" * 12]})
    assert host.lacks(both) == [digests[1]]
    host.forgot(both, [digests[2]])
    assert host.lacks(both) == digests[1:]
    host.forgot(both, [both.name])
    assert host.lacks(both) == [both.name, *digests]
    host.holds(both)
    assert host.lacks(both) == []
