# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add up the CPU time of a tree of processes while it lives, from /proc/PID/stat (proc_pid_stat(5))."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_TICK_S = 1 / os.sysconf("SC_CLK_TCK")


def tree_cpu(root: int) -> dict[str, float]:
    """Return the seconds that everything below a process has used so far, the dead included that were waited for.

    "sshd" is what sshd's own processes used; "session" what their direct children did (a shell, an agent); "below"
    all that these started, and all that has ended.
    """
    found = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                text = (entry / "stat").read_text(errors="replace")
            except (FileNotFoundError, ProcessLookupError):
                continue
            name, _, rest = text.partition("(")[2].rpartition(")")
            fields = rest.split()
            own, dead = (sum(map(int, fields[at : at + 2])) * _TICK_S for at in (11, 13))
            found[int(entry.name)] = (int(fields[1]), name, own, dead)
    used = {"sshd": 0.0, "session": 0.0, "below": 0.0}
    for pid, (parent, name, own, dead) in found.items():
        if not _is_below(pid, root, found):
            continue
        if pid != root:
            under_sshd = found[parent][1].startswith("sshd")
            used["sshd" if name.startswith("sshd") else "session" if under_sshd else "below"] += own
        used["below"] += dead
    return used


def _is_below(pid: int, root: int, found: dict[int, tuple[int, str, float, float]]) -> bool:
    while pid in found and pid != root:
        pid = found[pid][0]
    return pid == root
