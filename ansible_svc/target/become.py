# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Become another user by sudo, from an agent: the new agent gets its code from this one.

Comes to a host with the first become there, in an archive of its own.
"""

from __future__ import annotations

from typing import Any

import mitogen.core
import mitogen.parent
import mitogen.sudo

from ansible_svc.target.booting import Boot, BootConnection, BootOptions, BootProtocol

#: Under this name the archive has the program for the new agent's boot command.
FIRST_STAGE = "first_stage"


class SudoOptions(mitogen.sudo.Options, BootOptions):
    """Options of both."""


class SudoConnection(mitogen.sudo.Connection, BootConnection):
    """mitogen's sudo, with our boot."""

    options_class = SudoOptions
    stream_protocol_class = BootProtocol


def become(econtext: Any, context_id: int, boot: Boot, options: dict[str, Any]) -> dict[str, Any]:
    """Start an agent as another user. Blocks until it is ready or has failed.

    Parameters:
        econtext: mitogen's ExternalContext of this process, which becomes a parent if it is none yet.
        context_id: the id that the controller has given the new context.
        boot: what it is booted with.
        options: those of mitogen.sudo.Options.

    Returns {"facts": what it tells}, or {"failure": text of mitogen's StreamError}.
    """
    mitogen.parent.upgrade_router(econtext)
    router = econtext.router
    context = router.context_class(router, context_id, None)
    connection = SudoConnection(
        SudoOptions(
            boot=boot,
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
