# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Note, at the start of every play and at the end, how much CPU time the managed hosts have used."""

from __future__ import annotations

import json
import os
from typing import Any

from ansible.plugins.callback import CallbackBase

from bench.tree_cpu import tree_cpu

DOCUMENTATION = r"""
name: target_cpu
type: notification
short_description: CPU time of managed hosts on this machine, play by play
description:
  - Writes one line of JSON to the file named by E(SVC_BENCH_MARKS) for each play and for the end of the run.
  - E(SVC_BENCH_ROOT) is the number of the process below which everything of the hosts runs.
requirements:
  - enabled in C(callbacks_enabled)
"""


class CallbackModule(CallbackBase):
    """Write a mark: the name of the play that begins ("" at the end), and seconds by what used them.

    Threads: the main thread's.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "notification"
    CALLBACK_NAME = "target_cpu"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._root = int(os.environ["SVC_BENCH_ROOT"])
        self._file = open(os.environ["SVC_BENCH_MARKS"], "a", encoding="ascii")  # noqa: SIM115 - lives as long as the run

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Mark the beginning of a play, and so the end of the one before."""
        self._mark(play.get_name())

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Mark the end of the last play."""
        self._mark("")

    def _mark(self, play: str) -> None:
        print(json.dumps({"play": play, **tree_cpu(self._root)}), file=self._file, flush=True)
