# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Equal requests have equal keys, and only they."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.service.keys import approximate_bytes, canonical_key


def key(value: Any) -> Any:
    return canonical_key("m", {"a": value})


DISTINCT = [
    1,
    True,
    1.0,
    "1",
    b"1",
    0,
    False,
    0.0,
    -0.0,
    None,
    "",
    b"",
    "None",
    [],
    {},
    [1],
    [True],
    [1.0],
    (1,),
    {"a": 1},
    {"a": True},
    [[1]],
    [1, 1],
    {"1": 1},
    "x" * 1000,
    b"x" * 1000,
    "x" * 1001,
    {1},
    float("nan"),
]


@pytest.mark.parametrize(("first", "second"), list(combinations(DISTINCT, 2)), ids=repr)
def test_different_values_have_different_keys(first: Any, second: Any) -> None:
    assert key(first) != key(second)


@pytest.mark.parametrize("value", DISTINCT, ids=lambda value: repr(value)[:20])
def test_a_value_has_one_key(value: Any) -> None:
    assert key(value) == key(value)
    assert hash(key(value)) == hash(key(value))


def test_the_order_of_dict_entries_does_not_matter() -> None:
    assert canonical_key("m", {"a": 1, "b": {"x": 1, "y": 2}}) == canonical_key("m", {"b": {"y": 2, "x": 1}, "a": 1})


def test_the_order_of_list_items_does() -> None:
    assert key([1, 2]) != key([2, 1])


def test_method_and_argument_names_matter() -> None:
    assert canonical_key("m", {"a": 1}) != canonical_key("n", {"a": 1})
    assert canonical_key("m", {"a": 1}) != canonical_key("m", {"b": 1})


def test_a_str_with_a_tag_is_that_str() -> None:
    class Tagged(str):
        pass

    assert key(Tagged("x")) == key("x")
    assert key(Tagged("x" * 1000)) == key("x" * 1000)


def test_long_values_are_kept_as_digests() -> None:
    assert approximate_bytes(key("x" * 10**6)) < 2000
    assert approximate_bytes(key(b"x" * 10**6)) < 2000


def test_lone_surrogates_are_no_obstacle() -> None:
    assert key("\udcff" * 1000) != key("\udcfe" * 1000)


def test_objects_count_by_their_own_equality() -> None:
    class Thing:
        pass

    thing = Thing()
    assert key(thing) == key(thing)
    assert key(thing) != key(Thing())


def test_what_cannot_be_hashed_is_refused() -> None:
    class Thing:
        __hash__ = None  # type: ignore[assignment]

    with pytest.raises(TypeError):
        key(Thing())


@given(
    st.recursive(st.integers(0, 1) | st.booleans() | st.text("ab", max_size=1), st.lists, max_leaves=6),
    st.recursive(st.integers(0, 1) | st.booleans() | st.text("ab", max_size=1), st.lists, max_leaves=6),
)
def test_keys_are_equal_exactly_when_the_values_look_the_same(first: Any, second: Any) -> None:
    assert (key(first) == key(second)) == (repr(first) == repr(second))


def test_what_keeping_a_value_costs() -> None:
    class Thing:
        def __init__(self) -> None:
            self.blob = b"x" * 10_000

    shared = b"x" * 10_000
    assert 10_000 < approximate_bytes({"a": [shared]}) < 11_000
    assert approximate_bytes([shared, shared]) < 11_000
    assert 10_000 < approximate_bytes(Thing()) < 12_000
    cycle: list[Any] = []
    cycle.append(cycle)
    assert approximate_bytes(cycle) > 0
