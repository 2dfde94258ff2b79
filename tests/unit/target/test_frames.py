# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Frames arrive whole and in order, however the stream that carries them is cut."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.target.frames import FrameReader, encode

SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
HEADERS = st.dictionaries(
    st.text(max_size=8),
    st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner)),
    max_size=4,
)
FRAMES = st.lists(st.tuples(HEADERS, st.binary(max_size=200)), max_size=6)


def pieces(data: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({0, len(data), *(cut % (len(data) + 1) for cut in cuts)})
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(frames=FRAMES, cuts=st.lists(st.integers(min_value=0, max_value=10_000), max_size=12))
def test_any_cut_gives_the_same_frames(frames: list[tuple[dict[str, Any], bytes]], cuts: list[int]) -> None:
    stream = b"".join(encode(header, body) for header, body in frames)
    reader = FrameReader()
    got = [frame for piece in pieces(stream, cuts) for frame in reader.feed(piece)]
    assert got == frames


@given(frame=st.tuples(HEADERS, st.binary(max_size=50)))
def test_one_byte_at_a_time(frame: tuple[dict[str, Any], bytes]) -> None:
    stream = encode(*frame)
    reader = FrameReader()
    for position in range(len(stream) - 1):
        assert reader.feed(stream[position : position + 1]) == []
    assert reader.feed(stream[-1:]) == [frame]


def test_what_is_not_complete_is_kept_for_later() -> None:
    first, second = encode({"op": "first"}, b"one"), encode({"op": "second"}, b"two")
    reader = FrameReader()
    assert reader.feed(first + second[:9]) == [({"op": "first"}, b"one")]
    assert reader.feed(b"") == []
    assert reader.feed(second[9:]) == [({"op": "second"}, b"two")]


def test_a_body_is_bytes_that_nothing_changes_later() -> None:
    reader = FrameReader()
    [(_header, body)] = reader.feed(encode({}, b"first"))
    reader.feed(encode({}, b"other"))
    assert type(body) is bytes
    assert body == b"first"


@pytest.mark.parametrize("text", ["é", "\udcff", "a\0b", "\U0001f600"], ids=ascii)
def test_any_text_passes_in_a_header(text: str) -> None:
    """Surrogates stand for bytes of file names that are not UTF-8."""
    assert FrameReader().feed(encode({"path": text})) == [({"path": text}, b"")]


def test_the_layout_is_the_one_that_the_docstring_tells() -> None:
    assert encode({"op": "x"}, b"yz") == b"\0\0\0\x0a\0\0\0\x02" + b'{"op":"x"}' + b"yz"
