"""Run a module from an action plugin that nobody knows to be safe in threads."""

from __future__ import annotations

from ansible.plugins.action import ActionBase


class ActionModule(ActionBase):
    """Call the module `command` twice and add something of our own."""

    def run(self, tmp=None, task_vars=None):
        result = super().run(tmp, task_vars)
        first = self._execute_module("ansible.legacy.command", {"_raw_params": "echo first"}, task_vars=task_vars)
        second = self._execute_module("ansible.legacy.command", {"_raw_params": "echo second"}, task_vars=task_vars)
        low = self._low_level_execute_command("echo low level")
        result.update(changed=False, words=[first["stdout"], second["stdout"], low["stdout"].strip()])
        return result
