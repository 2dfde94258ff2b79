# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Frames between an agent and its zygotes.

A frame is two big-endian unsigned 32-bit lengths, then a UTF-8 JSON object (the header) of the first length, then raw
bytes (the body) of the second length. The peers are parent and child on one host and speak the same version, so
there is no negotiation. A frame that is longer than 4 GiB cannot be expressed.
"""

from __future__ import annotations

import json
import struct

_LENGTHS = struct.Struct(">II")


def encode(header: dict[str, object], body: bytes = b"") -> bytes:
    """Return the bytes of one frame."""
    text = json.dumps(header, separators=(",", ":")).encode()
    return _LENGTHS.pack(len(text), len(body)) + text + body


def cut(lengths: list[list[object]], body: bytes) -> tuple[dict[str, bytes], bytes]:
    """Return the contents that a body begins with, by digest, and what follows them.

    Parameters:
        lengths: [digest, length] of each, in order.
    """
    blobs = {}
    start = 0
    for digest, length in lengths:
        end = start + int(length)  # type: ignore[call-overload]
        blobs[str(digest)] = body[start:end]
        start = end
    return blobs, body[start:]


class FrameReader:
    """Cut a byte stream into frames.

    Threads: used by one thread at a time.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[tuple[dict[str, object], bytes]]:
        """Add received bytes and return the (header, body) pairs that are now complete."""
        buffer = self._buffer
        buffer += data
        frames = []
        start = 0
        while len(buffer) - start >= _LENGTHS.size:
            header_bytes, body_bytes = _LENGTHS.unpack_from(buffer, start)
            body_at = start + _LENGTHS.size + header_bytes
            end = body_at + body_bytes
            if len(buffer) < end:
                break
            header = json.loads(bytes(buffer[start + _LENGTHS.size : body_at]))
            frames.append((header, bytes(buffer[body_at:end])))
            start = end
        if start:
            del buffer[:start]
        return frames
