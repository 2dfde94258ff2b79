# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A connection plugin that svc does not know."""

from __future__ import annotations

from ansible.plugins.connection.local import Connection as Local

DOCUMENTATION = """
name: mine
short_description: Runs commands here, in its own way
description: Runs commands here, in its own way.
author: The ansible_svc project (!UNKNOWN)
extends_documentation_fragment: connection_pipelining
options:
  become_success_timeout:
    description: Seconds to wait for privilege escalation to succeed.
    type: int
    default: 10
  become_strip_preamble:
    description: Whether to remove what privilege escalation prints before the command.
    type: bool
    default: true
"""


class Connection(Local):
    """The local plugin under another name."""

    transport = "mine"
