"""Run a module of the same collection, and add to its result."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        result.update(self._execute_module("lab.kinds.hello", {}, task_vars=task_vars))
        result["greeted"] = self._task.args.get("name", "nobody")
        return result
