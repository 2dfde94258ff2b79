# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make the messages on the line between controller and agent small.

One task's request reads much like that of the task before. So small messages are deflated (RFC 1951) as one stream
for each direction, mitogen's headers included: what was sent before costs a few bytes. Large ones are code, which is
compressed already, and content of files, of which nobody knows; they pass as they are, without costing CPU.

On the line each message is preceded by a number in base 128, the least significant digit first, with 128 added to each
but the last (LEB128): twice the length of what follows, plus one if that is deflated. A deflated message ends with an
empty block (zlib's Z_SYNC_FLUSH), whose last four bytes are always the same and are left out.
"""

from __future__ import annotations

import zlib

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

#: Messages up to this size are deflated.
SMALL_BYTES = 16 * 1024
# 48 KB of memory for a packer and 8 KB for an unpacker; there may be thousands.
_WINDOW_BITS = -13
_MEMORY_LEVEL = 5
_END = b"\0\0\xff\xff"
_LONGEST_NUMBER = 6


class BrokenLineError(Exception):
    """What arrived is not what a packer makes."""


class Packer:
    """Turn messages into what goes over the line. Threads: one."""

    def __init__(self) -> None:
        self._deflate = zlib.compressobj(6, zlib.DEFLATED, _WINDOW_BITS, _MEMORY_LEVEL)

    def pack(self, message: bytes) -> bytes:
        """Return the next message's form on the line."""
        if len(message) > SMALL_BYTES:
            return _number(len(message) << 1) + message
        packed = self._deflate.compress(message) + self._deflate.flush(zlib.Z_SYNC_FLUSH)
        packed = packed[: -len(_END)]
        return _number(len(packed) << 1 | 1) + packed


class Unpacker:
    """Turn what comes over the line into messages. Threads: one."""

    def __init__(self) -> None:
        self._inflate = zlib.decompressobj(_WINDOW_BITS)
        self._data = b""
        self._raw_left = 0

    def feed(self, data: bytes) -> bytes:
        """Take what has arrived; return the part of the messages that can be read by now.

        Raises BrokenLineError.
        """
        self._data += data
        ready = []
        while self._data:
            if self._raw_left:
                ready.append(self._data[: self._raw_left])
                self._data = self._data[self._raw_left :]
                self._raw_left -= len(ready[-1])
                continue
            number, start = _read_number(self._data)
            if not start:
                break
            length = number >> 1
            if not number & 1:
                self._raw_left = length
                self._data = self._data[start:]
                continue
            if length > 2 * SMALL_BYTES:
                raise BrokenLineError("a small message is said to have %d bytes" % length)
            if len(self._data) < start + length:
                break
            ready.append(self._inflated(self._data[start : start + length]))
            self._data = self._data[start + length :]
        return b"".join(ready)

    def _inflated(self, packed: bytes) -> bytes:
        try:
            message = self._inflate.decompress(packed + _END, SMALL_BYTES + 1)
        except zlib.error as error:
            raise BrokenLineError(str(error)) from error
        if len(message) > SMALL_BYTES or self._inflate.unconsumed_tail or self._inflate.eof:
            raise BrokenLineError("a small message is larger than it may be")
        return message


def _number(number: int) -> bytes:
    digits = bytearray()
    while number > 127:
        digits.append(number & 127 | 128)
        number >>= 7
    digits.append(number)
    return bytes(digits)


def _read_number(data: bytes) -> tuple[int, int]:
    """Return a number and where it ends; 0 and 0 when its end has not arrived."""
    number = 0
    for index, digit in enumerate(data[:_LONGEST_NUMBER]):
        number |= (digit & 127) << 7 * index
        if digit < 128:
            return number, index + 1
    if len(data) >= _LONGEST_NUMBER:
        raise BrokenLineError("a length has too many digits")
    return 0, 0


class PackingWriter:
    """Stand in for the writer of a mitogen protocol. Threads: the broker's."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self._packer = Packer()

    def write(self, message: bytes) -> None:
        """Send a message."""
        self._inner.write(self._packer.pack(message))

    def on_transmit(self, broker: Any) -> None:
        """Send what could not be sent at once."""
        self._inner.on_transmit(broker)

    @property
    def _len(self) -> int:
        """Return the number of bytes that wait (MitogenProtocol.pending_bytes asks for it)."""
        return int(self._inner._len)


def lay_over(protocol: Any, on_broken: Any) -> None:
    """Have a mitogen protocol speak this way from now on, in both directions.

    Parameters:
        protocol: a MitogenProtocol that has not sent or received anything yet.
        on_broken: called with the broker and an error when the far side does not; the connection is to be ended.
    """
    protocol._writer = PackingWriter(protocol._writer)
    unpacker = Unpacker()
    receive = protocol.on_receive

    def on_receive(broker: Any, data: bytes) -> None:
        try:
            messages = unpacker.feed(bytes(data))
        except BrokenLineError as error:
            on_broken(broker, error)
            return
        if messages:
            receive(broker, messages)

    protocol.on_receive = on_receive
