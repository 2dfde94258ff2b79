# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write every callback event of a run as one line of JSON, so that two runs can be compared."""

from __future__ import annotations

import json
import os
import time
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: jsonlines
type: notification
short_description: one JSON line per callback event
description:
  - Writes to the file named by the environment variable E(SVC_LAB_EVENTS); silent when it is not set.
requirements:
  - enabled in C(callbacks_enabled)
"""


class CallbackModule(CallbackBase):
    """Append one line per event: event, at (seconds since the epoch), and what the event is about.

    Threads: ansible-core calls callbacks on the main thread, and sends v2_runner_on_start from there too.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "jsonlines"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        path = os.environ.get("SVC_LAB_EVENTS")
        if path:
            self._file = open(path, "a", encoding="utf-8")  # noqa: SIM115 - lives as long as the run
        else:
            self.disabled = True

    def v2_playbook_on_start(self, playbook: Any) -> None:
        self._write("playbook_start")

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._write("play_start", play=play.get_name())

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        self._write("task_start", task=task.get_name(), action=task.action)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        self._write("handler_task_start", task=task.get_name(), action=task.action)

    def v2_playbook_on_cleanup_task_start(self, task: Any) -> None:
        self._write("cleanup_task_start", task=task.get_name(), action=task.action)

    def v2_playbook_on_notify(self, handler: Any, host: Any) -> None:
        self._write("notify", host=host.get_name(), handler=handler.get_name())

    def v2_playbook_on_include(self, included_file: Any) -> None:
        hosts = sorted(host.get_name() for host in included_file._hosts)
        self._write("include", file=os.path.basename(str(included_file._filename)), hosts=hosts)

    def v2_playbook_on_no_hosts_matched(self) -> None:
        self._write("no_hosts_matched")

    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self._write("no_hosts_remaining")

    def v2_playbook_on_vars_prompt(self, varname: str, **_options: Any) -> None:
        self._write("vars_prompt", variable=varname)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        self._write("stats", hosts={host: stats.summarize(host) for host in sorted(stats.processed)})

    def v2_runner_on_start(self, host: Any, task: Any) -> None:
        self._write("runner_start", host=host.get_name(), task=task.get_name(), action=task.action)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._result("runner_ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        self._result("runner_failed", result, ignore_errors=ignore_errors)

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._result("runner_skipped", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        self._result("runner_unreachable", result)

    def v2_runner_on_async_poll(self, result: Any) -> None:
        self._result("runner_async_poll", result)

    def v2_runner_on_async_ok(self, result: Any) -> None:
        self._result("runner_async_ok", result)

    def v2_runner_on_async_failed(self, result: Any) -> None:
        self._result("runner_async_failed", result)

    def v2_runner_item_on_ok(self, result: Any) -> None:
        self._result("runner_item_ok", result)

    def v2_runner_item_on_failed(self, result: Any) -> None:
        self._result("runner_item_failed", result)

    def v2_runner_item_on_skipped(self, result: Any) -> None:
        self._result("runner_item_skipped", result)

    def v2_runner_retry(self, result: Any) -> None:
        self._result("runner_retry", result)

    def v2_on_file_diff(self, result: Any) -> None:
        self._result("file_diff", result)

    def _result(self, event: str, result: Any, **more: Any) -> None:
        task = result.task
        self._write(
            event,
            host=result.host.get_name(),
            task=task.get_name(),
            action=task.action,
            warnings=[str(warning) for warning in result.warnings],
            deprecations=[str(deprecation) for deprecation in result.deprecations],
            result=result.result if hasattr(result, "result") else result._result,
            **more,
        )

    def _write(self, event: str, **fields: Any) -> None:
        # default=repr: a value that is not JSON must not end the run, and still be compared.
        self._file.write(json.dumps({"event": event, "at": time.time(), **fields}, default=repr) + "\n")
        self._file.flush()
