# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Let users see what was printed while a run goes on."""

from __future__ import annotations

import contextlib
import sys


def show_output() -> None:
    """Write what was printed so far, for those who read standard output through a pipe or from a file.

    ansible-core's display leaves it in Python's buffer, and multiprocessing writes it before each fork, which a task on
    a thread has none of. What has no standard output, or has closed it, misses nothing, as there.

    Raises OSError, as BrokenPipeError when nobody reads any longer.
    """
    with contextlib.suppress(AttributeError, ValueError):
        sys.stdout.flush()
