# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Errors are themselves, are builtins, and survive the wire."""

from __future__ import annotations

import errno

import pytest

from ansible_svc import errors
from ansible_svc.service import faults, wire


def over_the_wire(exc: BaseException, with_traceback: bool = True) -> errors.Error:
    data = wire.frame(wire.ERROR, 1, faults.encode_fault(exc, with_traceback))
    return faults.restore(wire.read_body(data, wire.read_prefix(data)))


def raised(exc: BaseException) -> BaseException:
    try:
        raise exc
    except BaseException as caught:
        return caught


@pytest.mark.parametrize(
    "cls", [cls for cls in errors.Error.registry.values() if not issubclass(cls, errors.RemoteError)]
)
def test_every_error_arrives_as_itself(cls: type[errors.Error]) -> None:
    arrived = over_the_wire(raised(cls("what happened", {"missing": ["a"]})))
    assert type(arrived) is cls
    assert str(arrived) == "what happened"
    assert arrived.details == {"missing": ["a"]}
    assert "what happened" in (arrived.remote_traceback or "")
    assert "raise exc" in (arrived.remote_traceback or "")


@pytest.mark.parametrize(
    ("cls", "builtin"),
    [
        (errors.UnknownServiceError, LookupError),
        (errors.UnknownMethodError, AttributeError),
        (errors.RefusedError, PermissionError),
        (errors.NotActivatedError, PermissionError),
        (errors.ActivationError, ImportError),
        (errors.BootstrapError, ImportError),
        (errors.ArgumentError, TypeError),
        (errors.EncodingError, TypeError),
        (errors.MalformedError, ValueError),
        (errors.MessageTooLargeError, ValueError),
        (errors.QueueFullError, RuntimeError),
        (errors.PoolClosedError, RuntimeError),
        (errors.DeadlineExceededError, TimeoutError),
        (errors.CancelledError, RuntimeError),
        (errors.DisconnectedError, ConnectionError),
        (errors.RemoteError, RuntimeError),
    ],
)
def test_each_derives_from_the_builtin_a_caller_expects(cls: type[errors.Error], builtin: type[Exception]) -> None:
    assert issubclass(cls, builtin)
    assert str(cls("text")) == "text"


@pytest.mark.parametrize("name", sorted(errors.MIRRORED_BUILTINS))
def test_a_builtin_arrives_as_a_remote_error_of_that_builtin(name: str) -> None:
    builtin = errors.MIRRORED_BUILTINS[name]
    arrived = over_the_wire(raised(builtin("text")))
    assert isinstance(arrived, errors.RemoteError)
    assert isinstance(arrived, builtin)
    assert arrived.type_name == name


def test_errno_crosses() -> None:
    arrived = over_the_wire(raised(FileNotFoundError(errno.ENOENT, "No such file", "/x")))
    assert isinstance(arrived, FileNotFoundError)
    assert arrived.errno == errno.ENOENT


def test_an_unknown_exception_keeps_its_name_and_nearest_builtin() -> None:
    class StrangeError(KeyError):
        pass

    arrived = over_the_wire(raised(StrangeError("text")))
    assert isinstance(arrived, KeyError)
    assert isinstance(arrived, errors.RemoteError)
    assert arrived.type_name == "StrangeError"


def test_a_remote_error_that_is_passed_on_keeps_both_tracebacks() -> None:
    first = over_the_wire(raised(ValueError("deep down")))
    second = over_the_wire(raised(first))
    assert isinstance(second, ValueError)
    assert isinstance(second, errors.RemoteError)
    assert second.type_name == "ValueError"
    assert (second.remote_traceback or "").startswith(first.remote_traceback or "-")
    assert "RemoteValueError" in (second.remote_traceback or "")


def test_framework_refusals_carry_no_traceback() -> None:
    assert over_the_wire(raised(errors.RefusedError("no")), with_traceback=False).remote_traceback is None


def test_details_that_cannot_be_sent_are_left_out() -> None:
    arrived = over_the_wire(raised(errors.Error("text", {"object": object()})))
    assert str(arrived) == "text"
    assert arrived.details == {}


@pytest.mark.parametrize(
    "fields",
    [
        None,
        [],
        "text",
        {},
        {"code": 1, "message": 2, "traceback": 3, "details": 4, "type": 5, "builtin": 6, "errno": "x"},
        {"code": "SystemExit", "builtin": "SystemExit", "type": "SystemExit"},
        {"code": "RemoteError", "builtin": "OSError", "errno": True},
        {"code": "Error" * 1000},
    ],
)
def test_whatever_arrives_becomes_an_error(fields: object) -> None:
    assert isinstance(faults.restore(fields), errors.Error)
    assert not isinstance(faults.restore(fields), SystemExit)


def test_what_arrives_is_bounded() -> None:
    arrived = faults.restore({"code": "Error", "message": "m" * 10**6, "traceback": "t" * 10**6})
    assert len(str(arrived)) == faults.MAX_MESSAGE_CHARS
    assert len(arrived.remote_traceback or "") == faults.MAX_TRACEBACK_CHARS


def test_remote_error_classes_are_made_once() -> None:
    assert errors.remote_error_class("KeyError") is errors.remote_error_class("KeyError")
    assert errors.remote_error_class("NoSuchThing") is errors.RemoteError
