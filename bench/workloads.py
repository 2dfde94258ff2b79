# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Turn the playbooks of bench/playbooks into workloads: a playbook's tasks, repeated."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

_PLAYBOOKS = Path(__file__).parent / "playbooks"
_PAYLOAD_BYTES = 1024 * 1024


@dataclass(frozen=True)
class Workload:
    """Name a playbook and how many times its tasks are written down in a row."""

    name: str
    playbook: str
    repeat: int

    def write(self, directory: Path) -> tuple[Path, int]:
        """Write the playbook and the files it sends into directory; return its path and its number of tasks."""
        (play,) = yaml.safe_load((_PLAYBOOKS / self.playbook).read_text())
        play["tasks"] = play["tasks"] * self.repeat
        path = directory / "bench.yml"
        path.write_text(json.dumps([play]))
        # Bytes that do not compress well and are the same in each run.
        payload = b"".join((number * 2654435761 % 2**32).to_bytes(4, "big") for number in range(_PAYLOAD_BYTES // 4))
        (directory / "payload.bin").write_bytes(payload)
        shutil.copytree(_PLAYBOOKS / "templates", directory / "templates", dirs_exist_ok=True)
        return path, len(play["tasks"])


@dataclass(frozen=True)
class Tasks(Workload):
    """Hold the tasks themselves; no playbook is repeated."""

    playbook: str = ""
    repeat: int = 1
    tasks: tuple[dict[str, Any], ...] = ()

    def write(self, directory: Path) -> tuple[Path, int]:
        """Write the playbook into directory; return its path and its number of tasks."""
        path = directory / "bench.yml"
        path.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": self.tasks}]))
        return path, len(self.tasks)


WORKLOADS = {
    workload.name: workload
    for workload in (
        Workload("100command", "command.yml", 100),
        Workload("20command", "command.yml", 20),
        Workload("10command", "command.yml", 10),
        Workload("1command", "command.yml", 1),
        Workload("debug100", "debug.yml", 100),
        Workload("mixed", "mixed.yml", 1),
        Tasks("facts", tasks=({"name": "Gather facts", "ansible.builtin.setup": {}},)),
    )
}
