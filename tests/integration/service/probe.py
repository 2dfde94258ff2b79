# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a far side does to try its controller's patience. Sent there by mitogen; runs on Python 3.8 and newer."""

from __future__ import annotations

import mitogen.core

from ansible_svc.errors import Error
from ansible_svc.service import AllowParents, Service, call_async, expose
from ansible_svc.service.wire import read_prefix
from tests.integration.service.remote import PATIENCE_S

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service import Call


class Probe(Service):
    """Ask others for many things at a time, or for something that cannot be read."""

    @expose(policy=AllowParents())
    def ask_many(self, context_id: int, service: str, method: str, kwargs: list[dict[str, Any]]) -> list[Any]:
        """Make all calls at once. Returns what each of them brought, or the code of its error, and which it was."""
        context = self.router.context_by_id(context_id)
        return [_outcome(item) for item in [_ask(context, service, method, each) for each in kwargs]]

    @expose(policy=AllowParents())
    def ask_large(self, context_id: int, service: str, method: str, sizes: list[int]) -> list[Any]:
        """Do the same with values of so many bytes, which are made here."""
        return self.ask_many(context_id, service, method, [{"value": bytes(size)} for size in sizes])

    @expose(policy=AllowParents())
    def ask_by_handle(self, context_id: int, handle: int, args: Any) -> list[Any]:
        """Call a service of the older form. Returns what it brought, or the code of its error, and which it was."""
        return _outcome(_ask(self.router.context_by_id(context_id), handle, args, {}))

    @expose(policy=AllowParents())
    def send(self, context_id: int, handle: int, frames: list[bytes], enc: int) -> None:
        """Send what may be no frames at all, and want no answer."""
        context = self.router.context_by_id(context_id)
        for data in frames:
            context.send(mitogen.core.Message(data=data, enc=enc, handle=handle))

    @expose(policy=AllowParents())
    def send_calls(self, context_id: int, frames: list[bytes], last: int) -> list[list[Any]]:
        """
        Send frames as calls that want answers.

        :param last: Number of the call whose answer comes after all others.
        :returns: All answers: who sent each, and its data.
        """
        context = self.router.context_by_id(context_id)
        receiver = mitogen.core.Receiver(self.router)
        answers: list[list[Any]] = []
        try:
            for data in frames:
                context.send(
                    mitogen.core.Message(
                        data=data,
                        enc=mitogen.core.Message.ENC_BIN,
                        handle=mitogen.core.CALL_SERVICE,
                        reply_to=receiver.handle,
                    )
                )
            while not answers or read_prefix(answers[-1][1]).number != last:
                message = receiver.get(timeout=PATIENCE_S)
                answers.append([message.src_id, message.data])
        finally:
            receiver.close()
        return answers


def _ask(context: Any, service: str | int, method: Any, kwargs: dict[str, Any]) -> Call | Error:
    try:
        return call_async(context, service, method, **kwargs)
    except Error as exc:
        return exc


def _outcome(item: Call | Error) -> list[Any]:
    if isinstance(item, Error):
        return ["unsent", item.code]
    try:
        return ["brought", item.result(PATIENCE_S)]
    except Error as exc:
        return ["failed", exc.code]


class Hooked(Service):
    """Show when the hooks run."""

    starts = 0

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.path = ""
        self.started = False

    def on_start(self) -> None:
        type(self).starts += 1
        self.started = True

    def on_shutdown(self) -> None:
        with open(self.path, "a") as file:
            file.write("shut down\n")

    @expose(policy=AllowParents())
    def told(self, path: str) -> list[Any]:
        """Have the shutdown noted in a file. Returns how often a service was started, and whether this one was."""
        self.path = path
        return [self.starts, self.started]


class StartsLate(Service):
    """Fail to start the first time."""

    tries = 0

    def on_start(self) -> None:
        type(self).tries += 1
        if self.tries == 1:
            raise OSError("no disk yet")

    @expose(policy=AllowParents())
    def count(self) -> int:
        return self.tries
