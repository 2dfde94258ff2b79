# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Become another user by sudo, from an agent: the new agent gets its code from this one.

Comes to a host with the first become there, in an archive of its own.
"""

from __future__ import annotations

import re
from typing import Any, ClassVar

import mitogen.core
import mitogen.parent
import mitogen.sudo

from ansible_svc.target.booting import Boot, BootConnection, BootOptions, BootProtocol

#: Under this name the archive has the program for the new agent's boot command.
FIRST_STAGE = "first_stage"


# Written as soon as the new user's interpreter runs: sudo and the user's login shell are done.
_STARTED = b"ansible-svc: started"


class SudoOptions(mitogen.sudo.Options, BootOptions):
    """Options of both, and ``boot_timeout``: seconds that the new interpreter may take once it runs."""

    def __init__(self, boot_timeout: float, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.boot_timeout = boot_timeout


class SudoProtocol(BootProtocol):
    """Waits for the interpreter first, and then as long again as that may take.

    Threads: the broker's only.
    """

    def _on_started(self, line: bytes, match: Any) -> None:
        self.stream.conn.extend(self.stream.conn.options.boot_timeout)

    PATTERNS: ClassVar = [(re.compile(re.escape(_STARTED)), _on_started), *BootProtocol.PATTERNS]


class SudoConnection(mitogen.sudo.Connection, BootConnection):
    """mitogen's sudo, with our boot."""

    options_class = SudoOptions
    stream_protocol_class = SudoProtocol
    _timer: Any

    def extend(self, seconds: float) -> None:
        """Let the connection take so many seconds more from now on."""
        self._timer.cancel()
        self._timer = self._router.broker.timers.schedule(mitogen.core.now() + seconds, self._on_timer_expired)


def become(econtext: Any, context_id: int, boot: Boot, options: dict[str, Any]) -> dict[str, Any]:
    """Start an agent as another user. Blocks until it is ready or has failed.

    Parameters:
        econtext: mitogen's ExternalContext of this process, which becomes a parent if it is none yet.
        context_id: the id that the controller has given the new context.
        boot: what it is booted with.
        options: those of SudoOptions; connect_timeout is the time until the new user's interpreter runs.

    Returns {"facts": what it tells}, or {"failure": text of mitogen's StreamError}.
    """
    mitogen.parent.upgrade_router(econtext)
    router = econtext.router
    context = router.context_class(router, context_id, None)
    connection = SudoConnection(
        SudoOptions(
            boot=Boot(
                f"{boot.first_stage}\nos.write(1,{_STARTED + bytes([10])!r})",
                boot.digest,
                boot.archive,
                boot.cache,
                boot.agent,
            ),
            old_router=router,
            max_message_size=router.max_message_size,
            unidirectional=True,
            remote_name="ansible-svc",
            **options,
        ),
        router,
    )
    try:
        connection.connect(context=context)
    except mitogen.core.TimeoutError:
        return {"failure": mitogen.parent.Router.connection_timeout_msg}
    except mitogen.core.StreamError as error:
        return {"failure": str(error)}
    return {"facts": context.svc_facts}
