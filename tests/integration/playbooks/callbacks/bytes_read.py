# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write to the file BYTES_READ how many bytes this process has read by then, at the end of the playbook."""

from __future__ import annotations

import os
from pathlib import Path

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Count with the kernel's counters (proc(5), /proc/pid/io)."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "bytes_read"

    def v2_playbook_on_stats(self, stats: object) -> None:
        """Write the number."""
        counters = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
        Path(os.environ["BYTES_READ"]).write_text(counters["rchar"])
