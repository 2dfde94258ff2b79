# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Copies are what the copy module makes."""

from __future__ import annotations

import copy
import datetime
from collections.abc import Iterator
from typing import Any

import pytest
from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from ansible.playbook.loop_control import LoopControl
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.compat.copying import TAGGED_SCALARS, shallow_copy, share_scalars

_SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=3)
_VALUES = _SCALARS | st.lists(_SCALARS, max_size=4) | st.dictionaries(st.text(max_size=3), _SCALARS, max_size=4)
_TAGS = st.lists(st.sampled_from([Origin(description="somewhere"), TrustedAsTemplate()]), max_size=2)


@given(_VALUES, _TAGS)
def test_a_copy_is_equal_in_value_type_and_tags(value: Any, tags: Any) -> None:
    value = AnsibleTagHelper.try_tag(value, tags)
    plain, quick = copy.copy(value), shallow_copy(value)
    assert quick == plain == value
    assert type(quick) is type(plain)
    assert AnsibleTagHelper.tags(quick) == AnsibleTagHelper.tags(plain)
    assert (quick is value) == (plain is value)


def test_a_copy_holds_the_same_items() -> None:
    item: list[int] = []
    tagged = AnsibleTagHelper.tag([item], Origin(description="somewhere"))
    quick = shallow_copy(tagged)
    quick.append(1)
    assert tagged == [[]]
    assert quick[0] is item


def test_other_objects_are_copied_as_copy_does() -> None:
    control = LoopControl()
    control.loop_var = "thing"
    assert vars(shallow_copy(control)) == vars(copy.copy(control))


@pytest.fixture
def _undone() -> Iterator[None]:
    yield
    for kind in TAGGED_SCALARS:
        del kind.__deepcopy__


@pytest.mark.usefixtures("_undone")
def test_scalars_are_shared_by_deep_copies_and_collections_are_not() -> None:
    origin = Origin(path="/x", line_num=1, col_num=2)
    tagged = [
        TrustedAsTemplate().tag(origin.tag(value))
        for value in (
            "text",
            b"bytes",
            7,
            1.5,
            datetime.date(2020, 1, 2),
            datetime.datetime(2020, 1, 2),
            datetime.time(3),
        )
    ]
    value = origin.tag({"list": origin.tag([*tagged, {"inner": tagged[0]}])})
    before = copy.deepcopy(value)
    share_scalars()
    after = copy.deepcopy(value)
    assert after == before == value
    for one, other in zip(after["list"], before["list"], strict=True):
        assert type(one) is type(other)
        assert AnsibleTagHelper.tags(one) == AnsibleTagHelper.tags(other)
    assert all(one is other for one, other in zip(after["list"], tagged, strict=False))
    assert after["list"] is not value["list"]
    assert after["list"][-1] is not value["list"][-1]
    assert AnsibleTagHelper.tags(after["list"]) == AnsibleTagHelper.tags(value["list"]) == {origin}
