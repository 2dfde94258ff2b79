# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Put calls and answers on the wire: JSON for structure, raw bytes beside it, nothing else.

One frame is the data of one mitogen message (``enc=ENC_BIN``). All integers are big-endian.

    offset  size  field
    0       4     magic  b"svc1"
    4       1     kind   1 CALL, 2 CANCEL, 3 RESULT, 4 ERROR
    5       2     salt   see "Bytes inside JSON"
    7       2     count  number of attachments
    9       8     number which call this is about; chosen by the caller, unique per calling process
    17      8     deadline_s  IEEE double: seconds left when the frame was made; negative: no deadline
    25      4     size of the JSON text in bytes
    29      8*n   size of each attachment in bytes
    ...           the JSON text (UTF-8), then the attachments one after the other, and nothing after them

    kind    goes to            JSON
    CALL    CALL_SERVICE       {"s": service name or handle, "m": method name, "k": {argument: value}}
    CANCEL  CALL_SERVICE       null; the call with this number is no longer wanted. Never answered.
    RESULT  the reply handle   the value
    ERROR   the reply handle   see `ansible_svc.service.faults`

A CALL whose mitogen message has no reply handle wants no answer. A frame that cannot be read is answered
with an ERROR of its number, or of number 0 when not even that can be read. The deadline is relative
because clocks differ; the reader turns it into a value of its own monotonic clock.

**Bytes inside JSON.** Where the value holds bytes, the JSON holds an object with the single key
``"\u0000" + str(salt)`` and the index of the attachment. The writer picks a salt for which the text holds
that key exactly once per attachment, so no argument can be mistaken for bytes, whatever it contains.

**What is not kept.** Tuples become lists; keys that are int, float, bool or None become strings, as
the json module does. NaN and infinities are refused. A str may hold lone surrogates (file names do).

**Limits.** The reader refuses more than `MAX_DEPTH` levels of nesting and sizes that do not add up. How
large a frame may be is decided by its receiver, see `Pool` and `Endpoint`.
"""

from __future__ import annotations

import json
import struct

from ansible_svc.errors import EncodingError, MalformedError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

MAGIC = b"svc1"
CALL, CANCEL, RESULT, ERROR = 1, 2, 3, 4
NO_DEADLINE = -1.0
#: Levels of lists and dicts that a reader accepts inside each other.
MAX_DEPTH = 128
MAX_ATTACHMENTS = 0xFFFF

_PREFIX = struct.Struct(">4sBHHQdI")
PREFIX_BYTES = _PREFIX.size


class Prefix:
    """Hold the fixed fields of a frame that has been received."""

    __slots__ = ("count", "deadline_s", "json_bytes", "kind", "number", "salt")

    def __init__(self, kind: int, salt: int, count: int, number: int, deadline_s: float, json_bytes: int) -> None:
        self.kind = kind
        self.salt = salt
        self.count = count
        self.number = number
        self.deadline_s = deadline_s
        self.json_bytes = json_bytes


class Body:
    """
    Hold an encoded value, ready to be framed any number of times (many waiters, one encoding).

    `size_bytes` is what it adds to a frame.
    """

    __slots__ = ("count", "json_bytes", "parts", "salt", "size_bytes")

    def __init__(self, salt: int, count: int, json_bytes: int, parts: tuple[Any, ...]) -> None:
        self.salt = salt
        self.count = count
        self.json_bytes = json_bytes
        self.parts = parts
        self.size_bytes = sum(len(part) for part in parts)


def _refuse_type(value: object) -> NoReturn:
    raise TypeError("%s is neither JSON nor bytes" % (type(value).__name__,))


_encode_json = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_refuse_type).encode


def encode(value: Any) -> Body:
    """
    Encode a value of JSON types and bytes.

    :raises EncodingError: The value holds something else, NaN, a cycle, or too many attachments.
    """
    try:
        try:
            text = _encode_json(value)
        except TypeError:
            # Most values hold no bytes; only those that do pay for the slower encoder.
            return _encode_with_attachments(value)
        raw = text.encode("ascii")
        return Body(0, 0, len(raw), (raw,))
    except (TypeError, ValueError, RecursionError) as exc:
        raise EncodingError("cannot be sent: %s" % (exc,)) from exc


def _encode_with_attachments(value: Any) -> Body:
    for salt in range(0x10000):
        attachments: list[bytes] = []
        key = _attachment_key(salt)

        def attach(item: object, attachments: list[bytes] = attachments, key: str = key) -> dict[str, int]:
            if not isinstance(item, (bytes, bytearray, memoryview)):
                _refuse_type(item)
            attachments.append(item if isinstance(item, bytes) else bytes(item))
            return {key: len(attachments) - 1}

        encoder = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=attach)
        text = encoder.encode(value)
        if len(attachments) > MAX_ATTACHMENTS:
            raise ValueError("more than %d separate bytes values" % (MAX_ATTACHMENTS,))
        if text.count(json.dumps(key) + ":") == len(attachments):
            raw = text.encode("ascii")
            sizes = struct.pack(">%dQ" % len(attachments), *map(len, attachments))
            return Body(salt, len(attachments), len(raw), (sizes, raw) + tuple(attachments))
    raise ValueError("no unused attachment key")


def _attachment_key(salt: int) -> str:
    return "\0%d" % (salt,)


def frame(kind: int, number: int, body: Body, deadline_s: float = NO_DEADLINE) -> bytes:
    """Return the bytes of one frame. For the parameters see the format above."""
    prefix = _PREFIX.pack(MAGIC, kind, body.salt, body.count, number, deadline_s, body.json_bytes)
    return b"".join((prefix,) + body.parts)


NULL = encode(None)


def read_prefix(data: bytes) -> Prefix:
    """
    Read the fixed fields of a frame and check that its sizes add up. Does not look at the JSON.

    :raises MalformedError: This is not a frame. When the number could be read it is in
        ``details["number"]``.
    """
    try:
        magic, kind, salt, count, number, deadline_s, json_bytes = _PREFIX.unpack_from(data)
    except struct.error:
        raise MalformedError("a frame is at least %d bytes" % (PREFIX_BYTES,)) from None
    if magic != MAGIC:
        raise MalformedError("this is not a frame of ansible_svc")
    total = PREFIX_BYTES + 8 * count + json_bytes
    if len(data) != total if not count else len(data) < total:
        raise MalformedError("the sizes of the frame do not add up", {"number": number})
    if deadline_s != deadline_s:
        raise MalformedError("the deadline is not a number", {"number": number})
    return Prefix(kind, salt, count, number, deadline_s, json_bytes)


def read_body(data: bytes, prefix: Prefix) -> Any:
    """
    Decode the value of a frame.

    :param data: The whole frame.
    :param prefix: What `read_prefix` returned for it.
    :raises MalformedError: The JSON or the attachments do not follow the format.
    """
    start = PREFIX_BYTES + 8 * prefix.count
    end = start + prefix.json_bytes
    try:
        text = data[start:end].decode("utf-8")
        if prefix.count:
            value = _decoder_for(data, prefix, end).decode(text)
        else:
            value = _decode_plain(text)
    except (ValueError, RecursionError) as exc:
        # The text of a JSON error quotes no content; that of UnicodeDecodeError would.
        reason = exc.args[0] if isinstance(exc, json.JSONDecodeError) else type(exc).__name__
        raise MalformedError("the frame's JSON cannot be read: %s" % (reason,), {"number": prefix.number}) from None
    if text.count("[") + text.count("{") > MAX_DEPTH:
        _check_depth(value, prefix)
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError("%s is not JSON" % (name,))


_decode_plain = json.JSONDecoder(parse_constant=_refuse_constant).decode


def _decoder_for(data: bytes, prefix: Prefix, end: int) -> json.JSONDecoder:
    sizes = struct.unpack_from(">%dQ" % prefix.count, data, PREFIX_BYTES)
    if end + sum(sizes) != len(data):
        raise MalformedError("the sizes of the attachments do not add up", {"number": prefix.number})
    attachments: list[bytes] = []
    for size in sizes:
        attachments.append(data[end : end + size])
        end += size
    key = _attachment_key(prefix.salt)

    def swap(item: dict[str, Any]) -> Any:
        if len(item) == 1 and key in item:
            index = item[key]
            if type(index) is not int or not 0 <= index < len(attachments):
                raise MalformedError("there is no such attachment", {"number": prefix.number})
            return attachments[index]
        return item

    return json.JSONDecoder(object_hook=swap, parse_constant=_refuse_constant)


def _check_depth(value: Any, prefix: Prefix) -> None:
    level = [value] if type(value) in (dict, list) else []
    depth = 0
    while level:
        depth += 1
        if depth > MAX_DEPTH:
            raise MalformedError("nested deeper than %d levels" % (MAX_DEPTH,), {"number": prefix.number})
        level = [
            item
            for container in level
            for item in (container.values() if type(container) is dict else container)
            if type(item) in (dict, list)
        ]
