# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""One task's wait for a connection that is being made, and that others may wait for as well."""

from __future__ import annotations

import concurrent.futures
from concurrent.futures import Future
from typing import TYPE_CHECKING

from ansible_svc.errors import CancelledError, DeadlineExceededError

if TYPE_CHECKING:
    from ansible_svc.services.host import Host


class Attempt:
    """Wait for a host like for the result of a service.Call: with a limit, and so that somebody can end the waiting.

    The attempt itself goes on: others wait for it, and the next task finds what comes of it.

    Parameters:
        shared: gets the host, or why it cannot be reached.

    Threads: any.
    """

    def __init__(self, shared: Future[Host]) -> None:
        self._own: Future[Host] = Future()
        shared.add_done_callback(self._pass_on)

    def result(self, timeout_s: float | None = None) -> Host:
        """Return the host.

        Parameters:
            timeout_s: how long to wait for it; None: until the attempt is over.

        Raises CancelledError, DeadlineExceededError, and whatever ended the attempt.
        """
        try:
            return self._own.result(timeout_s)
        except concurrent.futures.CancelledError:
            raise CancelledError("nobody waits for the connection any longer") from None
        except concurrent.futures.TimeoutError:
            if self._own.done():  # that is what ended the attempt
                raise
            raise DeadlineExceededError("the connection took longer than it may") from None

    def cancel(self) -> None:
        """End the waiting, now or as soon as it begins; nothing happens when the attempt is over."""
        self._own.cancel()

    def _pass_on(self, shared: Future[Host]) -> None:
        if not self._own.set_running_or_notify_cancel():
            return
        error = shared.exception()
        if error is None:
            self._own.set_result(shared.result())
        else:
            self._own.set_exception(error)
