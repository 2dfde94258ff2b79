# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A task's run has everything of its own."""

from __future__ import annotations

import contextvars
import threading

from ansible._internal._templating._access import AnsibleAccessContext
from ansible.playbook.block import Block
from ansible.playbook.task import Task

from ansible_svc.compat.task_context import task_context
from ansible_svc.compat.task_models import private_copy


def test_a_private_copy_changes_nothing_of_the_original() -> None:
    block = Block()
    task = Task.load({"command": "true", "name": "original", "vars": {"a": 1}}, block=block)
    copy = private_copy(task)
    assert (copy._uuid, copy._parent, copy.args) == (task._uuid, task._parent, task.args)
    copy.name = "changed"
    copy.args["x"] = 1
    copy.vars["b"] = 2
    assert (task.name, "x" in task.args, "b" in task.vars) == ("original", False, False)


def test_a_context_is_inherited_but_for_ansible_cores_list_of_accesses() -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    token = variable.set("inherited")
    contexts = [task_context() for _ in range(2)]
    current = [context.run(AnsibleAccessContext.current) for context in contexts]
    assert current[0] is not current[1]
    assert AnsibleAccessContext.current() not in current
    assert [context[variable] for context in contexts] == ["inherited", "inherited"]
    variable.reset(token)


def test_contexts_can_be_entered_by_threads_at_the_same_time() -> None:
    barrier = threading.Barrier(4, timeout=20)
    threads = [threading.Thread(target=task_context().run, args=(barrier.wait,)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert not barrier.broken
