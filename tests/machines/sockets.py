# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Open the socket that a host's clients connect to, in whichever network the calling process is."""

from __future__ import annotations

import socket


def listen(address: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises OSError."""
    listener = socket.socket()
    # A host that comes up again takes its port back while old connections still linger (tcp(7)).
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((address, port))
    listener.listen(128)
    return listener
