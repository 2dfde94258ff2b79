# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback plugin ``profile``: from what ansible-core tells a callback to table, trace and page.

The engine is imported, and its probe switched on, when the first play of ours begins, so that under other strategies
nothing of svc takes part.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ansible.plugins.loader import strategy_loader

from ansible_svc.report.page import page
from ansible_svc.report.recorder import Recorder
from ansible_svc.report.summary import summarise
from ansible_svc.report.table import table
from ansible_svc.report.trace import trace

if TYPE_CHECKING:
    from ansible_svc.engine.runtime import Runtime
    from ansible_svc.report.record import Record


class Profile:
    """One run, as a callback sees it.

    Parameters:
        display: ansible-core's Display.

    Threads: ansible-core calls callbacks one at a time.
    """

    def __init__(self, display: Any) -> None:
        self._display = display
        self._recorder = Recorder("ansible-playbook")
        self._runtime: Runtime | None = None

    def playbook_started(self, playbook: Any) -> None:
        """Name the run after its playbook; several playbooks of one command are one run."""
        self._recorder.named(os.path.basename(str(playbook._file_name)))

    def play_started(self, play: Any) -> None:
        """Note a play; if it is ours, have its host-tasks timed."""
        plugin = strategy_loader.get(play.strategy, class_only=True)
        ours = hasattr(plugin, "svc_name")
        if ours and self._runtime is None:
            from ansible_svc.engine.runtime import runtime

            self._runtime = runtime()
            self._runtime.start_probe()
        self._recorder.play_started(play.get_name().strip(), str(play.strategy), ours)

    def task_started(self, task: Any) -> None:
        """Note a task."""
        self._recorder.task_started(task._uuid, task.get_name(), task.action)

    def ended(self, result: Any, status: str) -> None:
        """Note a host-task's result."""
        self._recorder.ended(result.host.get_name(), result.task._uuid, status)

    def finish(self, options: dict[str, Any]) -> None:
        """Print and write what the options ask for.

        Parameters:
            options: table (stdout, stderr or none), trace and html (paths or None).
        """
        record = self._record()
        summary = summarise(record)
        if options["table"] != "none":
            stderr = options["table"] == "stderr"
            self._display.display("\nSVC PROFILE " + "*" * 68, stderr=stderr)
            for line in table(record, summary):
                self._display.display(line, stderr=stderr)
            self._display.display("", stderr=stderr)
        if options["trace"]:
            self._write("trace", options["trace"], json.dumps(trace(record), separators=(",", ":")))
        if options["html"]:
            self._write("html", options["html"], page(record, summary))

    def _record(self) -> Record:
        if self._runtime is None or self._runtime.probe is None:
            return self._recorder.finish()
        return self._recorder.finish(self._runtime.probe.spans(), self._runtime.statistics())

    def _write(self, option: str, path: str, text: str) -> None:
        try:
            Path(path).write_text(text, encoding="utf-8")
        except OSError as error:
            self._display.warning(f"profile: cannot write {option}: {error}")
