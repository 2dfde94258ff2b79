"""Run one command from an action plugin that nobody knows to be safe in threads."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Run `command` with the module of that name."""

    def run(self, tmp=None, task_vars=None):
        arguments = {"_raw_params": self._task.args["command"]}
        return super().run(tmp, task_vars) | self._execute_module(
            "ansible.legacy.command", arguments, task_vars=task_vars
        )
