# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold what came of a call: an answer or a failure, now or later."""

from __future__ import annotations

import threading

from ansible_svc.errors import Error
from ansible_svc.service.faults import encode_fault
from ansible_svc.service.wire import ERROR, RESULT, Body, encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, NoReturn


class Answer:
    """
    Hold the value that a method returned. Encoded at most a few times, however many wait for it.

    Threads: shared by all requesters of one deduplicated run. Two threads may encode at the same time;
    both results are equal and one is kept.
    """

    __slots__ = ("_body", "value")

    failed = False
    kind = RESULT

    def __init__(self, value: Any) -> None:
        self.value = value
        self._body: Body | None = None

    def body(self) -> Body:
        """
        Return the encoded value.

        :raises EncodingError: The value is not made of JSON types and bytes.
        """
        body = self._body
        if body is None:
            body = self._body = encode(self.value)
        return body

    @property
    def encoded_bytes(self) -> int:
        """Return the size of the encoding that is kept beside the value; 0 when there is none."""
        return 0 if self._body is None else self._body.size_bytes

    def unwrap(self) -> Any:
        """Return the value."""
        return self.value


class Failure:
    """
    Hold the exception that ended a call.

    :param error: The exception.
    :param raised_by_method: True when a method raised it, so that its traceback is worth sending.
    """

    __slots__ = ("_body", "_traceback", "error", "raised_by_method")

    failed = True
    kind = ERROR

    def __init__(self, error: BaseException, raised_by_method: bool = False) -> None:
        self.error = error
        self.raised_by_method = raised_by_method
        self._traceback = error.__traceback__
        self._body: Body | None = None

    def body(self) -> Body:
        """Return the encoded error. Does not fail."""
        body = self._body
        if body is None:
            body = self._body = encode_fault(self.error, self.raised_by_method)
        return body

    def unwrap(self) -> NoReturn:
        """Raise the exception. Several threads may; each starts from the original traceback."""
        raise self.error.with_traceback(self._traceback)


class Deferred:
    """
    Promise a result that another thread will deliver, without holding a pool thread until then.

    An exposed method may return one. Whoever holds it calls `resolve` or `fail` once, from any thread;
    that sends the one reply. A method that wants to know when nobody waits any longer asks for the request
    (`expose(wants_request=True)`) and registers `request.on_cancel`.

    Guarded by `_lock`: `_outcome`, `_callback`.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._outcome: Answer | Failure | None = None
        self._callback: Callable[[Answer | Failure], None] | None = None

    def resolve(self, value: Any = None) -> None:
        """
        Deliver the result.

        :raises RuntimeError: The result or an error has been delivered already.
        """
        self._settle(Answer(value))

    def fail(self, error: BaseException) -> None:
        """
        Deliver an exception instead of a result.

        :raises RuntimeError: The result or an error has been delivered already.
        """
        self._settle(Failure(error, raised_by_method=error.__traceback__ is not None or not isinstance(error, Error)))

    def done(self) -> bool:
        """Return whether the result or an error has been delivered."""
        with self._lock:
            return self._outcome is not None

    def _settle(self, outcome: Answer | Failure) -> None:
        with self._lock:
            if self._outcome is not None:
                raise RuntimeError("this Deferred has been settled already")
            self._outcome = outcome
            callback = self._callback
        if callback is not None:
            callback(outcome)

    def on_settled(self, callback: Callable[[Answer | Failure], None]) -> None:
        """
        Have the invoker told of the outcome; at once when it is there already.

        :raises RuntimeError: A method returned the same Deferred twice; each call needs its own.
        """
        with self._lock:
            if self._callback is not None:
                raise RuntimeError("this Deferred belongs to another call")
            self._callback = callback
            outcome = self._outcome
        if outcome is not None:
            callback(outcome)
