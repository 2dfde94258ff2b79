# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The ambient state of ansible-core that a task on a thread starts with.

ansible-core keeps its ambient state in context variables. A task inherits the strategy's (a forked worker would, too),
with one exception: AnsibleAccessContext holds a list that belongs to one call stack, so every task gets a new one
(ansible/_internal/_templating/_access.py, 2.19 to 2.21).
"""

from __future__ import annotations

import contextvars

from ansible._internal._templating._access import AnsibleAccessContext


def task_context() -> contextvars.Context:
    """Return the context for a task that is started from the present one."""
    context = contextvars.copy_context()
    context.run(AnsibleAccessContext._contextvar.set, AnsibleAccessContext())
    return context
