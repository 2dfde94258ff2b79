# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write what a run came to as JSON, for ``ansible-svc bench``: the recap of every host, and each play's strategy."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Writes to the file that the environment variable ANSIBLE_SVC_RECAP_FILE names.

    It is found in a folder of its own and needs not be enabled, so that a user's callbacks_enabled stays as it is.
    """

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "svc_recap"

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._plays: list[dict[str, str]] = []

    def v2_playbook_on_play_start(self, play: Any) -> None:
        """Note the strategy."""
        self._plays.append({"name": play.get_name().strip(), "strategy": str(play.strategy)})

    def v2_playbook_on_stats(self, stats: Any) -> None:
        """Write the file; the second playbook of a command writes it anew, with both."""
        recap = {host: stats.summarize(host) for host in sorted(stats.processed)}
        Path(os.environ["ANSIBLE_SVC_RECAP_FILE"]).write_text(json.dumps({"hosts": recap, "plays": self._plays}))
