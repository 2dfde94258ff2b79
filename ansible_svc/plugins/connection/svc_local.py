# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = r"""
name: svc_local
short_description: Works on the controller through the shared service pool
description:
  - Under one of the svc strategies, works on the controller through an agent process, with the same meaning as P(ansible.builtin.local#connection).
author: The ansible_svc project (!UNKNOWN)
version_added: 0.1.0
notes:
  - The svc strategies use it in the place of P(ansible.builtin.local#connection) as well; naming it is never necessary.
  - Without a svc strategy it works as P(ansible.builtin.local#connection) and says so at C(-v).
options:
  become_success_timeout:
    description:
    - Seconds to wait for privilege escalation to succeed.
    type: int
    default: 10
    vars:
    - name: ansible_local_become_success_timeout
  become_strip_preamble:
    description:
    - Whether to remove what privilege escalation prints before the command. Used without a svc strategy only.
    type: bool
    default: true
    vars:
    - name: ansible_local_become_strip_preamble
  pipelining:
    description:
    - Whether modules reach the interpreter without a file on the host. Under a svc strategy they do, unless a variable of the host or task says no.
    type: boolean
    default: false
    ini:
    - section: defaults
      key: pipelining
    - section: connection
      key: pipelining
    env:
    - name: ANSIBLE_PIPELINING
    vars:
    - name: ansible_pipelining
seealso:
  - plugin: ansible.builtin.local
    plugin_type: connection
  - plugin: ansible_svc.svc.svc_linear
    plugin_type: strategy
"""

EXAMPLES = """
- hosts: all
  strategy: ansible_svc.svc.svc_linear
  connection: ansible_svc.svc.svc_local
  tasks:
    - name: Look around
      ansible.builtin.command: uptime
      changed_when: false
"""

from ansible.plugins.connection import local as stock

try:
    from ansible_svc.engine.stock_connection import tell_when_plain
except ModuleNotFoundError as error:
    from ansible.errors import AnsibleError

    _missing = AnsibleError(
        f"The connection svc_local needs the Python package ansible-svc beside ansible-core ({error}): pip install ansible-svc"
    )

    def tell_when_plain(name: str, stock: str) -> None:
        """Stand in for the package that is not installed."""
        raise _missing


class Connection(stock.Connection):
    """ansible-core's local plugin under a name of ours; the strategy makes it work through the Pool."""

    svc_over = stock.Connection

    def _connect(self) -> Connection:
        """Say it when this is nothing but ansible-core's local."""
        tell_when_plain("svc_local", "local")
        super()._connect()
        return self
