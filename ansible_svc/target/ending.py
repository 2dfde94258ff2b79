# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Wait for the end of a process that is not a child."""

from __future__ import annotations

import os
import time

_LOOK_AGAIN_S = 0.01


def has_ended(pid: int, seconds: float) -> bool:
    """Wait until a process of this host has ended, at most so many seconds; tell whether it has."""
    ends = time.monotonic() + seconds
    while _exists(pid):
        if time.monotonic() > ends:
            return False
        time.sleep(_LOOK_AGAIN_S)
    return True


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True  # somebody else's
    return True
