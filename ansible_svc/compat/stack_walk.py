# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have ansible-core look for who deprecates something without reading sources.

A strategy that ansible-core does not ship is announced as deprecated once a play, and the announcement looks for its
author on the stack. inspect.stack() then finds the source lines of every frame, which nobody asks for: the first such
look resolves the paths of all modules that the process has loaded, 30 to 60 ms before the first task.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from ansible.module_utils._internal import _stack


def walk_without_sources() -> None:
    """Lay ours over ``ansible.module_utils._internal._stack.iter_stack`` (2.19 to 2.21)."""
    _stack.iter_stack = frames


def frames() -> Iterator[inspect.FrameInfo]:
    """Give the frames of the stack that do not say of themselves that they are to be skipped, the innermost first.

    They are what inspect.stack() has, but for the lines of code around each.
    """
    _skip_stackwalk = True
    yield from (found for found in inspect.stack(context=0) if "_skip_stackwalk" not in found.frame.f_locals)
