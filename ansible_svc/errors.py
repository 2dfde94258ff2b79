# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Name every error that ansible_svc raises, on the controller and on targets.

Every class derives from `Error` and from the builtin that a caller would expect, so
`except TimeoutError` and `except errors.DeadlineExceededError` both work. A class is known on the wire
by its `code` (its name); every subclass of `Error`, wherever it is defined, registers itself, so that it
arrives as itself in any process that has imported it. How an error is put on the wire is the business of
`ansible_svc.service.faults`; this module knows no transport.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar


class Error(Exception):
    """
    Be the root of all errors of ansible_svc.

    :param message: What happened, for people. Never holds argument values.
    :param details: JSON-compatible values for programs; they cross the wire with the error.
    :param remote_traceback: The traceback of the other side as text, or None when the error arose here
        or when the other side refused the request before any method ran.
    """

    #: Name on the wire. Set for every subclass from its class name.
    code: ClassVar[str] = "Error"
    #: code -> class, for every subclass that this process has seen.
    registry: ClassVar[dict[str, type[Error]]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.code = cls.__name__
        Error.registry[cls.code] = cls

    def __init__(
        self,
        message: str = "",
        details: dict[str, Any] | None = None,
        remote_traceback: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, Any] = {} if details is None else details
        self.remote_traceback = remote_traceback

    def __str__(self) -> str:
        # KeyError and OSError would show something else than the message.
        return self.message


Error.registry["Error"] = Error


class UnknownServiceError(Error, LookupError):
    """Tell that no service of that name or handle is active, nor may be activated."""


class UnknownMethodError(Error, AttributeError):
    """Tell that the service has no exposed method of that name."""


class RefusedError(Error, PermissionError):
    """Tell that the method's policy does not let this caller in."""


class NotActivatedError(RefusedError):
    """Tell a caller without a parent's authority that no parent has activated the service."""


class ActivationError(Error, ImportError):
    """Tell that the service could not be imported or constructed on the far side."""


class BootstrapError(Error, ImportError):
    """Tell that the far side could not start its Pool."""


class ArgumentError(Error, TypeError):
    """Tell that an argument is missing, unknown or of the wrong type."""


class EncodingError(Error, TypeError):
    """Tell that a value is neither JSON nor bytes and so cannot cross the wire."""


class MalformedError(Error, ValueError):
    """Tell that a message does not follow the format of `ansible_svc.service.wire`."""


class MessageTooLargeError(Error, ValueError):
    """Tell that a request or a result is larger than the far side, or the router, takes."""


class QueueFullError(Error, RuntimeError):
    """Tell that the Pool has as many waiting requests as it accepts; try again later."""


class PoolClosedError(Error, RuntimeError):
    """Tell that the Pool is closed, was closed while the call ran, or does not exist."""


class DeadlineExceededError(Error, TimeoutError):
    """Tell that the call's deadline passed before there was an answer."""


class CancelledError(Error, RuntimeError):
    """Tell that the call was cancelled by the one who made it."""


class DisconnectedError(Error, ConnectionError):
    """Tell that the context that was asked can no longer be reached."""


class RemoteError(Error, RuntimeError):
    """
    Carry an exception of the far side that has no class in `Error.registry` here.

    When the exception derives from a well-known builtin, the instance is of a subclass that derives from
    that builtin as well (see `remote_error_class`), so `except FileNotFoundError` works across the wire.

    `type_name` holds the name of the original class.
    """

    type_name = ""

    def __reduce__(self) -> tuple[Any, ...]:
        # The subclasses are made at run time, where pickle does not find them.
        builtin = next((name for name, cls in _remote_classes.items() if cls is type(self)), "RuntimeError")
        return _rebuild_remote_error, (builtin, self.message, self.details, self.remote_traceback, self.type_name)


#: Builtins that a remote exception may also be caught as. The choice is ours, not the sender's.
_MIRRORED = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    BrokenPipeError,
    BufferError,
    ConnectionError,
    EOFError,
    FileExistsError,
    FileNotFoundError,
    ImportError,
    IndexError,
    InterruptedError,
    IsADirectoryError,
    KeyError,
    LookupError,
    MemoryError,
    ModuleNotFoundError,
    NameError,
    NotADirectoryError,
    NotImplementedError,
    OSError,
    OverflowError,
    PermissionError,
    ProcessLookupError,
    RecursionError,
    RuntimeError,
    TimeoutError,
    TypeError,
    ValueError,
    ZeroDivisionError,
)
MIRRORED_BUILTINS: dict[str, type[Exception]] = {cls.__name__: cls for cls in _MIRRORED}

_remote_classes: dict[str, type[RemoteError]] = {"RuntimeError": RemoteError}


def _rebuild_remote_error(
    builtin_name: str, message: str, details: dict[str, Any], remote_traceback: str | None, type_name: str
) -> RemoteError:
    error = remote_error_class(builtin_name)(message, details, remote_traceback)
    error.type_name = type_name
    return error


def remote_error_class(builtin_name: str) -> type[RemoteError]:
    """
    Return the RemoteError class that also derives from a builtin exception.

    :param builtin_name: Name of the builtin, as sent by the far side.
    :returns: A subclass of `RemoteError` and of that builtin; plain `RemoteError` for any name that is
        not in `MIRRORED_BUILTINS`.
    """
    cls = _remote_classes.get(builtin_name)
    if cls is None:
        builtin = MIRRORED_BUILTINS.get(builtin_name)
        if builtin is None:
            return RemoteError
        # RemoteError is a RuntimeError already; Error.registry must keep telling the two apart by name.
        cls = type("Remote" + builtin_name, (RemoteError, builtin), {"__doc__": RemoteError.__doc__})
        cls = _remote_classes.setdefault(builtin_name, cls)
    return cls
