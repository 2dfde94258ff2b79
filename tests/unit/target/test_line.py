# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What messages become on the line, and that they arrive as they were."""

from __future__ import annotations

import random
import zlib
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.target.line import SMALL_BYTES, BrokenLineError, Packer, Unpacker, lay_over

SIZES = st.sampled_from([0, 1, 100, SMALL_BYTES - 1, SMALL_BYTES, SMALL_BYTES + 1, 70_000])


@given(st.lists(st.tuples(SIZES, st.integers(0, 3)), max_size=8), st.integers(1, 5000))
def test_messages_arrive_however_the_line_cuts_them(shapes: list[tuple[int, int]], piece: int) -> None:
    messages = [random.Random(seed).randbytes(size) for size, seed in shapes]
    packer, unpacker = Packer(), Unpacker()
    line = b"".join(packer.pack(message) for message in messages)
    arrived = b"".join(unpacker.feed(line[start : start + piece]) for start in range(0, len(line), piece))
    assert arrived == b"".join(messages)


def test_a_message_is_read_as_soon_as_it_is_there() -> None:
    packer, unpacker = Packer(), Unpacker()
    for message in (b"one", b"two" * 100, b"x" * 100_000, b"three"):
        assert unpacker.feed(packer.pack(message)) == message


def test_what_was_sent_before_costs_next_to_nothing() -> None:
    packer = Packer()
    message = random.Random(1).randbytes(1000)
    first, second = packer.pack(message), packer.pack(message)
    assert len(first) < 1020
    assert len(second) < 20


def test_large_messages_pass_as_they_are() -> None:
    message = b"a" * (SMALL_BYTES + 1)
    assert Packer().pack(message).endswith(message)


def deflated(content: bytes) -> bytes:
    packer = zlib.compressobj(9, zlib.DEFLATED, -13)
    return (packer.compress(content) + packer.flush(zlib.Z_SYNC_FLUSH))[:-4]


@pytest.mark.parametrize(
    "line",
    [
        b"\xff" * 6,
        bytes([5 << 1 | 1]) + b"\x07garb",
        bytes([len(deflated(b"a" * SMALL_BYTES * 4)) << 1 & 127 | 129, len(deflated(b"a" * SMALL_BYTES * 4)) >> 6])
        + deflated(b"a" * SMALL_BYTES * 4),
        b"\xff\xff\xff\x7f",
    ],
    ids=["endless number", "garbage", "a bomb", "an absurd length"],
)
def test_what_no_packer_makes_is_refused(line: bytes) -> None:
    with pytest.raises(BrokenLineError):
        Unpacker().feed(line)


class Protocol:
    """Be a MitogenProtocol."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.received: list[bytes] = []
        self._writer: Any = SimpleNamespace(write=self.sent.append, on_transmit=lambda broker: None, _len=7)

    def on_receive(self, broker: Any, data: bytes) -> None:
        self.received.append(data)


def test_both_ends_of_a_line() -> None:
    here, there = Protocol(), Protocol()
    broken: list[Exception] = []
    for protocol in (here, there):
        lay_over(protocol, lambda broker, error: broken.append(error))
    here._writer.write(b"message")
    [line] = here.sent
    there.on_receive(None, line[:1])
    there.on_receive(None, line[1:])
    assert there.received == [b"message"]
    assert here._writer._len == 7
    there.on_receive(None, b"\xff" * 6)
    assert [type(error) for error in broken] == [BrokenLineError]
    assert there.received == [b"message"]
