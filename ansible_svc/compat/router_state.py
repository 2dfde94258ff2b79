# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a mitogen router holds: Router._context_by_id, _stream_by_id and _handle_map (mitogen 0.3)."""

from __future__ import annotations

from typing import Any


def router_state(router: Any) -> dict[str, int]:
    """Return how many contexts, streams and receivers (handles with somebody who waits) a router knows.

    Threads: any; the numbers may be a moment old.
    """
    return {
        "contexts": len(router._context_by_id),
        "streams": len(router._stream_by_id),
        "receivers": len(router._handle_map),
    }


def forget_context(router: Any, context: Any) -> None:
    """Let go of a context that was disconnected and will not come back; mitogen keeps it until the process ends.

    Threads: any; it is done on the broker's, after whatever that does because of the disconnection.
    """
    router.broker.defer(router._context_by_id.pop, context.context_id, None)
