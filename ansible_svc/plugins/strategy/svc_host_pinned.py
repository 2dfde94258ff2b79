# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = """
name: svc_host_pinned
short_description: Runs the play host by host without interleaving more hosts than forks, through one shared service pool
description:
  - Runs a play exactly as the P(ansible.builtin.host_pinned#strategy) strategy does, with the same results, callbacks and exit code, several times faster.
  - The first play starts a pool of services inside the C(ansible-playbook) process. Managed hosts stay connected and call back into it,
    so that every module is built once and every file is read once, however many hosts need it.
  - Tasks run on threads of that process. What cannot run there runs in a forked worker, or as ansible-core itself would run it; C(-v) tells why.
author: The ansible_svc project (!UNKNOWN)
version_added: 0.1.0
extends_documentation_fragment:
  - ansible_svc.svc.strategy
seealso:
  - plugin: ansible.builtin.host_pinned
    plugin_type: strategy
"""

EXAMPLES = """
# ansible.cfg
# [defaults]
# strategy = ansible_svc.svc.svc_host_pinned

- hosts: all
  strategy: ansible_svc.svc.svc_host_pinned
  tasks:
    - name: Each module is built once for all hosts
      ansible.builtin.command: uptime
      changed_when: false
"""

from ansible.plugins.strategy.host_pinned import StrategyModule as Stock

try:
    from ansible_svc.engine.free import NativeFreeStrategy
    from ansible_svc.plugins.doc_fragments.strategy import ModuleDocFragment as Options
except ModuleNotFoundError as error:
    from ansible.errors import AnsibleError

    _missing = AnsibleError(
        f"The strategy svc_host_pinned needs the Python package ansible-svc beside ansible-core ({error}): pip install ansible-svc"
    )

    Options = None  # type: ignore[assignment, misc]

    class NativeFreeStrategy:  # type: ignore[no-redef]
        """Stand in for the engine that is not installed."""

        def __init__(self, _tqm: object) -> None:
            raise _missing


class StrategyModule(NativeFreeStrategy, Stock):
    """ansible-core's host_pinned strategy, with our queueing."""

    svc_name = "svc_host_pinned"
    svc_options_fragment = Options
