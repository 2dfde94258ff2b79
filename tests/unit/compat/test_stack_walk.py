# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who deprecates something is found as by ansible-core, without reading a source."""

from __future__ import annotations

import inspect
import linecache
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from ansible.module_utils._internal import _deprecator, _stack

from ansible_svc.compat.stack_walk import frames, walk_without_sources

STOCK = _stack.iter_stack


def _marked(then: Callable[[], Any]) -> Any:
    _skip_stackwalk = True
    return then()


def _plain(then: Callable[[], Any]) -> Any:
    return then()


@pytest.fixture
def ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stack, "iter_stack", STOCK)
    walk_without_sources()


def _found(walk: Callable[[], Iterator[inspect.FrameInfo]]) -> list[tuple[int, str, str]]:
    found = list(walk())  # the innermost is this function's own
    return [(id(one.frame), one.filename, one.function) for one in found[1:]]


def test_the_same_frames_are_found_as_by_ansible_core() -> None:
    stock, ours = _marked(lambda: _plain(lambda: (_found(STOCK), _found(frames))))
    assert ours == stock
    names = [name for _, _, name in ours]
    assert "_plain" in names
    assert "_marked" not in names


@pytest.mark.usefixtures("ours")
def test_who_asks_is_found_and_no_source_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = _marked(lambda: next(STOCK()))
    monkeypatch.setattr(linecache, "getlines", lambda *args: pytest.fail("a source was read"))
    found = _marked(lambda: _stack.caller_frame())
    assert (found.filename, found.function) == (expected.filename, expected.function)


@pytest.mark.usefixtures("ours")
def test_a_deprecation_names_the_plugin_that_it_is_called_from() -> None:
    scope: dict[str, Any] = {"ask": _deprecator.get_caller_plugin_info}
    path = "/srv/ansible_collections/some/where/plugins/action/thing.py"
    exec(compile("told = ask()", path, "exec"), scope)
    assert scope["told"].resolved_name == "some.where.thing"
