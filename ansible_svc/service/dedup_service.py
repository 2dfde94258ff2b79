# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Be the base of services that run equal requests once; apart, since most that hosts are asked to run do not."""

from __future__ import annotations

from ansible_svc.service.dedup_invoker import DeduplicatingInvoker
from ansible_svc.service.keys import approximate_bytes
from ansible_svc.service.service import Service

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ansible_svc.service.invoker import Invoker


class DeduplicatingService(Service):
    """
    Be a service that runs equal requests once. See `DeduplicatingInvoker`.

    Requests are equal when method and arguments are. Answers are shared: they must not depend on who
    asks, and callers in this process must not change what they get.
    """

    invoker_class: ClassVar[type[Invoker]] = DeduplicatingInvoker
    #: Bytes of answers to keep. 0: keep none, and only join requests that wait at the same time.
    answers_max_bytes: int = 16 * 1024 * 1024

    #: Set by the invoker. Forgets kept answers.
    _forget: Callable[..., None] | None = None

    def answer_bytes(self, value: object) -> int:
        """Return what keeping an answer costs, in bytes. Override it for values that hold large objects."""
        return approximate_bytes(value)

    def forget(self, method: str, **kwargs: Any) -> None:
        """Drop the kept answer of one request, if there is one. A run under way is not affected."""
        if self._forget is not None:
            self._forget(method, kwargs)

    def forget_all(self) -> None:
        """Drop all kept answers. Runs under way are not affected."""
        if self._forget is not None:
            self._forget(None, None)
