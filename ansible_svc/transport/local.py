# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A mitogen connection to a child process on the controller itself."""

from __future__ import annotations

import sys
from typing import Any

from ansible_svc.transport.descriptors import with_given_limit
from ansible_svc.transport.process import ClientConnection, spawn


class LocalConnection(ClientConnection):
    """Boot a child context in a session of its own, with this interpreter."""

    def create_child(self, args: list[str], **kwargs: Any) -> Any:
        """Start the child, whose modules see the limits that this process was given."""
        return spawn(with_given_limit(args))

    def get_python_argv(self) -> list[str]:
        """Return this interpreter."""
        return [sys.executable]
