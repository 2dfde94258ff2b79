# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Turn exceptions into what an ERROR frame holds, and back.

    {"code": class name, "message": text, "traceback": text or null, "details": {...},
     "type": original class name, "builtin": nearest mirrored builtin or null, "errno": int or null}

What arrives is not trusted: every field is checked and bounded, and only classes that this process
already knows (`errors.Error.registry`, `errors.MIRRORED_BUILTINS`) are ever constructed.
"""

from __future__ import annotations

import traceback

from ansible_svc.errors import (
    MIRRORED_BUILTINS,
    Error,
    MalformedError,
    RemoteError,
    remote_error_class,
)
from ansible_svc.service.wire import Body, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

MAX_MESSAGE_CHARS = 16 * 1024
MAX_TRACEBACK_CHARS = 64 * 1024

_MIRRORED = frozenset(MIRRORED_BUILTINS.values())


def traceback_text(exc: BaseException) -> str:
    """Return the traceback of an exception with its causes, cut at the front to a bounded size."""
    text = "".join(traceback.format_exception(type(exc), exc, exc.__traceback__))
    return text[-MAX_TRACEBACK_CHARS:]


def _message(exc: BaseException) -> str:
    try:
        return str(exc)[:MAX_MESSAGE_CHARS]
    except Exception as failure:
        # Its class and traceback are told all the same.
        return "<str() of it raises %s>" % (type(failure).__name__,)


def describe(exc: BaseException, with_traceback: bool) -> dict[str, Any]:
    """
    Return the JSON form of an exception.

    :param with_traceback: True for what a method raised; False for what the framework itself refused,
        where a traceback would only show the framework.
    """
    text: str | None = None
    if with_traceback:
        text = traceback_text(exc)
    remote = getattr(exc, "remote_traceback", None)
    if isinstance(remote, str):
        # A call that was passed on: keep what the furthest side said, it is where the fault is.
        text = remote if text is None else (remote + "\n" + text)[-MAX_TRACEBACK_CHARS:]
    # A RemoteError of a call that was passed on stays what it was; that it is a RuntimeError says nothing.
    skipped = RemoteError.__mro__ if isinstance(exc, RemoteError) else ()
    builtin = next((cls.__name__ for cls in type(exc).__mro__ if cls in _MIRRORED and cls not in skipped), None)
    errno = getattr(exc, "errno", None)
    return {
        "code": exc.code if isinstance(exc, Error) else "RemoteError",
        "message": _message(exc),
        "traceback": text,
        "details": exc.details if isinstance(exc, Error) else {},
        "type": exc.type_name if isinstance(exc, RemoteError) else type(exc).__name__,
        "builtin": builtin,
        "errno": errno if isinstance(errno, int) else None,
    }


def encode_fault(exc: BaseException, with_traceback: bool) -> Body:
    """Return the body of an ERROR frame. Details that cannot be encoded are left out."""
    fields = describe(exc, with_traceback)
    try:
        return encode(fields)
    except Exception:
        fields["details"] = {}
        return encode(fields)


def _text(fields: dict[str, Any], name: str, limit: int) -> str:
    value = fields.get(name)
    return value[-limit:] if isinstance(value, str) else ""


def restore(fields: object) -> Error:
    """
    Return the exception that an ERROR frame describes. Never raises.

    :param fields: The decoded JSON of the frame, whatever it is.
    """
    if not isinstance(fields, dict):
        return MalformedError("the far side sent an error that cannot be read")
    message = _text(fields, "message", MAX_MESSAGE_CHARS)
    remote_traceback = _text(fields, "traceback", MAX_TRACEBACK_CHARS) or None
    details = fields.get("details")
    if not isinstance(details, dict):
        details = {}
    cls = Error.registry.get(_text(fields, "code", 200))
    if cls is not None and not issubclass(cls, RemoteError):
        return cls(message, details, remote_traceback)
    error = remote_error_class(_text(fields, "builtin", 200))(message, details, remote_traceback)
    error.type_name = _text(fields, "type", 200)
    errno = fields.get("errno")
    if isinstance(error, OSError) and type(errno) is int:
        error.errno = errno
    return error
