# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
from __future__ import annotations

DOCUMENTATION = """
name: profile
type: aggregate
short_description: Tells where the time of a run went
description:
  - Prints a short table when a playbook has ended. It says how many tasks ran and how (native, forked or stock, and why), round trips and bytes to the
    managed hosts, modules built and shared, files read and delivered, and the slowest tasks and hosts.
  - On request it also writes a trace that Perfetto opens, and a page with the timeline of all hosts.
  - Works beside any stdout callback.
author: The ansible_svc project (!UNKNOWN)
version_added: 0.1.0
requirements:
  - enabled in C(callbacks_enabled)
  - the Python package ansible-svc
notes:
  - Times are taken of plays under the strategies of this collection. Of other plays only the times of the plays are known, and the table says so.
options:
  table:
    description:
      - Where to print the table.
      - Choose V(stderr) or V(none) when the stdout callback writes what a program reads.
    type: str
    choices: [stdout, stderr, none]
    default: stdout
    ini:
      - section: svc
        key: profile_table
    env:
      - name: ANSIBLE_SVC_PROFILE_TABLE
  trace:
    description:
      - Write a trace in Chrome's trace-event format to this file; U(https://ui.perfetto.dev) opens it.
    type: path
    ini:
      - section: svc
        key: profile_trace
    env:
      - name: ANSIBLE_SVC_PROFILE_TRACE
  html:
    description:
      - Write one self-contained HTML page with the timeline of all hosts to this file.
    type: path
    ini:
      - section: svc
        key: profile_html
    env:
      - name: ANSIBLE_SVC_PROFILE_HTML
seealso:
  - plugin: ansible_svc.svc.svc_linear
    plugin_type: strategy
  - plugin: ansible_svc.svc.svc_free
    plugin_type: strategy
  - plugin: ansible_svc.svc.svc_host_pinned
    plugin_type: strategy
"""

EXAMPLES = """
# ansible.cfg
# [defaults]
# strategy = ansible_svc.svc.svc_linear
# callbacks_enabled = ansible_svc.svc.profile
#
# [svc]
# profile_html = profile.html

- hosts: all
  tasks:
    - name: Appears in the timeline once for every host
      ansible.builtin.command: uptime
      changed_when: false
"""

from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Passes on what happens; see ansible_svc/report/callback.py.

    Threads: ansible-core calls callbacks one at a time, mostly on the main thread.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "ansible_svc.svc.profile"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        try:
            # Here, because ansible-core imports every callback plugin that it finds, enabled or not.
            from ansible_svc.report.callback import Profile
        except ImportError as error:
            self._display.warning(
                f"The callback profile needs the Python package ansible-svc beside ansible-core ({error}): pip install ansible-svc"
            )
            self.disabled = True
            return
        self._profile = Profile(self._display)

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Name the run."""
        self._profile.playbook_started(playbook)

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note a play."""
        self._profile.play_started(play)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        """Note a task."""
        self._profile.task_started(task)

    def v2_playbook_on_handler_task_start(self, task: Any) -> None:
        """Note a handler."""
        self._profile.task_started(task)

    def v2_playbook_on_cleanup_task_start(self, task: Any) -> None:
        """Note a cleanup task."""
        self._profile.task_started(task)

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a result."""
        self._profile.ended(result, "changed" if result.is_changed() else "ok")

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failure."""
        self._profile.ended(result, "failed")

    def v2_runner_on_skipped(self, result: Any) -> None:
        """Note a skipped task."""
        self._profile.ended(result, "skipped")

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a host that could not be reached."""
        self._profile.ended(result, "unreachable")

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Tell where the time went."""
        self._profile.finish({name: self.get_option(name) for name in ("table", "trace", "html")})
