# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Values cross as they are, and nothing but frames is read."""

from __future__ import annotations

import json
import struct
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.errors import EncodingError, MalformedError
from ansible_svc.service import wire

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.binary()
    | st.sampled_from(["\0000", "\0001", '"\0000":', "\\u00000"]),
    lambda children: st.lists(children) | st.dictionaries(st.text() | st.sampled_from(["\0000", "\0001"]), children),
    max_leaves=20,
)


def make(value: Any, **kwargs: Any) -> bytes:
    return wire.frame(wire.CALL, 7, wire.encode(value), **kwargs)


def read(data: bytes) -> Any:
    return wire.read_body(data, wire.read_prefix(data))


@given(JSON)
def test_every_value_survives(value: Any) -> None:
    arrived = read(make(value))
    assert arrived == value
    assert repr(arrived) == repr(value)  # 1 and True and 1.0 are equal, but not the same


def test_the_prefix_survives() -> None:
    prefix = wire.read_prefix(make([b"a", b"bc"], deadline_s=2.5))
    assert (prefix.kind, prefix.number, prefix.deadline_s, prefix.count) == (wire.CALL, 7, 2.5, 2)
    assert wire.read_prefix(make(None)).deadline_s < 0


def test_bytes_travel_raw() -> None:
    blob = bytes(range(256)) * 1000
    data = make({"blob": blob})
    assert blob in data
    assert len(data) < len(blob) + 100


@pytest.mark.parametrize("blob", [bytearray(b"xy"), memoryview(b"xy")])
def test_things_like_bytes_arrive_as_bytes(blob: object) -> None:
    assert read(make({"a": blob})) == {"a": b"xy"}


def test_a_dict_that_looks_like_bytes_is_not_mistaken_for_them() -> None:
    value = [b"real", {"\0000": 0}, {"\0001": 0}]
    assert read(make(value)) == value


def test_lone_surrogates_survive() -> None:
    assert read(make("file\udcff")) == "file\udcff"


def test_one_encoding_makes_many_frames() -> None:
    body = wire.encode({"a": b"x"})
    for number in (1, 2**64 - 1):
        data = wire.frame(wire.RESULT, number, body)
        assert wire.read_prefix(data).number == number
        assert read(data) == {"a": b"x"}


CYCLE: list[Any] = []
CYCLE.append(CYCLE)


@pytest.mark.parametrize("value", [object(), {1, 2}, float("nan"), float("inf"), CYCLE, {b"k": 1}, [b"a", object()]])
def test_what_is_neither_json_nor_bytes_is_refused(value: object) -> None:
    with pytest.raises(EncodingError):
        wire.encode(value)


def test_an_encoding_error_quotes_no_value() -> None:
    class Secret:
        def __repr__(self) -> str:
            return "hunter2"

    with pytest.raises(EncodingError) as caught:
        wire.encode({"password": Secret()})
    assert "hunter2" not in str(caught.value)


GOOD = make({"s": "x", "b": [b"abc", b"defg"]})


@pytest.mark.parametrize("size", range(len(GOOD)))
def test_a_frame_that_was_cut_is_refused(size: int) -> None:
    with pytest.raises(MalformedError):
        read(GOOD[:size])


def test_a_frame_with_something_behind_it_is_refused() -> None:
    for data in (GOOD, make(None)):
        with pytest.raises(MalformedError):
            read(data + b"x")


def frame_of(
    text: bytes, salt: int = 0, sizes: tuple[int, ...] = (), tail: bytes = b"", deadline_s: float = -1
) -> bytes:
    prefix = struct.pack(">4sBHHQdI", b"svc1", wire.CALL, salt, len(sizes), 7, deadline_s, len(text))
    return prefix + struct.pack(">%dQ" % len(sizes), *sizes) + text + tail


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"svc1",
        b"nope" + GOOD[4:],
        frame_of(b""),
        frame_of(b"{"),
        frame_of(b"NaN"),
        frame_of(b"-Infinity"),
        frame_of(b'"\xff"'),
        frame_of(b"1 2"),
        frame_of(b"{}", deadline_s=float("nan")),
        frame_of(b'{"\\u00000":1}', sizes=(1,), tail=b"x"),
        frame_of(b'{"\\u00000":-1}', sizes=(1,), tail=b"x"),
        frame_of(b'{"\\u00000":true}', sizes=(1,), tail=b"x"),
        frame_of(b'{"\\u00000":"0"}', sizes=(1,), tail=b"x"),
        frame_of(b"{}", sizes=(2**63,), tail=b"x"),
        frame_of(b"{}", sizes=(2**64 - 1, 2), tail=b"x"),
    ],
)
def test_malformed_frames_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        read(data)


def test_the_number_of_a_malformed_frame_is_told_when_it_can_be_read() -> None:
    with pytest.raises(MalformedError) as caught:
        read(frame_of(b"{"))
    assert caught.value.details == {"number": 7}


def test_a_json_error_quotes_no_content() -> None:
    with pytest.raises(MalformedError) as caught:
        read(frame_of(b'{"password": hunter2}'))
    assert "hunter2" not in str(caught.value)


def nested(levels: int, brackets: str = "[]") -> bytes:
    opening, closing = brackets
    if opening == "{":
        return b'{"a":' * levels + b"1" + b"}" * levels
    return opening.encode() * levels + closing.encode() * levels


@pytest.mark.parametrize("brackets", ["[]", "{}"])
def test_nesting_is_bounded(brackets: str) -> None:
    assert read(frame_of(nested(wire.MAX_DEPTH, brackets)))
    for levels in (wire.MAX_DEPTH + 1, 900, 100_000):
        with pytest.raises(MalformedError):
            read(frame_of(nested(levels, brackets)))


def test_many_flat_containers_are_not_deep() -> None:
    value: list[Any] = [{"a": []} for _ in range(1000)]
    assert read(frame_of(json.dumps(value).encode())) == value


@given(st.binary(max_size=200))
def test_noise_is_refused(noise: bytes) -> None:
    with pytest.raises(MalformedError):
        read(noise)


@given(st.binary(max_size=60), st.integers(0, 3), st.lists(st.integers(0, 20), max_size=3))
def test_noise_in_a_frame_never_raises_anything_else(noise: bytes, salt: int, sizes: list[int]) -> None:
    with suppress(MalformedError):
        read(frame_of(noise, salt, tuple(sizes), b"x" * sum(sizes)))
