# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Perform what the Deduplicator decides: one run for all equal requests."""

from __future__ import annotations

import logging
import threading
from functools import partial

from ansible_svc.errors import ArgumentError, CancelledError
from ansible_svc.service.dedup import Abandon, Deduplicator, Reply, Run
from ansible_svc.service.invoker import Invoker
from ansible_svc.service.keys import canonical_key
from ansible_svc.service.outcome import Answer, Failure
from ansible_svc.service.request import Request

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable
    from typing import Any

    from ansible_svc.service.dedup import Instruction
    from ansible_svc.service.invoker import Method
    from ansible_svc.service.service import Service


LOG = logging.getLogger("ansible_svc.service")


class DeduplicatingInvoker(Invoker):
    """
    Run equal requests once and give every requester the answer.

    Each requester is checked (permission, arguments) on its own; only then does it join. Those who wait hold
    no thread. What is equal: `keys.canonical_key`. What is kept and when a run is given up: `dedup`.

    Guarded by `_lock`: `_machine`, `_requests`. No reply is sent and no method runs under it.
    """

    def __init__(
        self,
        service: Service,
        submit: Callable[..., None],
        record_run: Callable[[str, float], None],
    ) -> None:
        super().__init__(service, submit, record_run)
        self._lock = threading.Lock()
        self._machine = Deduplicator(getattr(service, "answers_max_bytes", 0))
        #: The request that stands for all waiters of a run, by run; while the run is under way.
        self._requests: dict[Run, Request] = {}
        service.__dict__["_forget"] = self.forget

    def forget(self, method: str | None, kwargs: dict[str, Any] | None) -> None:
        """Drop the kept answer of one request, or all of them when `method` is None."""
        with self._lock:
            if method is None:
                self._machine.forget_all()
            else:
                self._machine.forget(canonical_key(method, kwargs or {}))

    def close(self) -> None:
        """Drop the kept answers."""
        self.forget(None, None)

    def _start(self, method: Method, request: Request) -> None:
        try:
            key = canonical_key(method.name, request.kwargs)
        except TypeError as exc:
            raise ArgumentError("the arguments cannot be compared: %s" % (exc,)) from exc
        with self._lock:
            instructions = self._machine.arrive(key, request, cancellable=method.wants_request)
            run = next((item for item in instructions if isinstance(item, Run)), None)
            if run is None:
                request.deduplicated = True
            else:
                self._requests[run] = Request(
                    request.caller_id,
                    request.from_parent,
                    request.service,
                    method.name,
                    request.kwargs,
                    close=partial(self._on_run_ended, run),
                )
                self._requests[run].size_bytes = request.size_bytes
        # Before the run, which may take long; at once when the requester has gone already.
        request.on_cancel(partial(self._drop, request))
        self._perform(instructions, method)

    def _drop(self, request: Request) -> None:
        with self._lock:
            instructions = self._machine.drop(request)
        self._perform(instructions, None)

    def _on_run_ended(self, run: Run, shared: Request, outcome: Answer | Failure) -> None:
        if isinstance(outcome, Failure):
            with self._lock:
                self._requests.pop(run, None)
                instructions = self._machine.fail(run, outcome)
            self._perform(instructions, None)
            return
        cost_bytes = self._cost_bytes(outcome)
        with self._lock:
            self._requests.pop(run, None)
            instructions = self._machine.succeed(run, outcome, cost_bytes)
        self._perform(instructions, None)
        self._recharge(run.key, outcome, cost_bytes)

    def _perform(self, instructions: list[Instruction], method: Method | None) -> None:
        for instruction in instructions:
            if isinstance(instruction, Reply):
                instruction.waiter.finish(instruction.outcome)
            elif isinstance(instruction, Abandon):
                with self._lock:
                    shared = self._requests.get(instruction.run)
                if shared is not None:
                    shared.cancel(CancelledError("nobody waits for this any longer"))
            elif method is not None:
                with self._lock:
                    shared = self._requests.get(instruction)
                if shared is not None:
                    self._run(method, shared)

    def _cost_bytes(self, answer: Answer) -> int:
        measure = getattr(self.service, "answer_bytes", None)
        try:
            return (0 if measure is None else int(measure(answer.value))) + answer.encoded_bytes
        except Exception:
            LOG.exception("%s.answer_bytes failed; the answer is not kept", self.service.name())
            return self._machine.max_bytes + 1

    def _recharge(self, key: Hashable, answer: Answer, charged_bytes: int) -> None:
        """Charge for the encoding that sending the replies has left beside the value."""
        cost_bytes = self._cost_bytes(answer) if answer.encoded_bytes else charged_bytes
        if cost_bytes != charged_bytes:
            with self._lock:
                self._machine.recharge(key, answer, cost_bytes)
