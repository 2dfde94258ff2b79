# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have run_command wait for nothing when a program's outputs are closed.

AnsibleModule.run_command (ansible/module_utils/basic.py) selects on a program's outputs, for a second at a time, until
they are closed, and asks after each time whether the program has ended. When both are closed it asks twice in a row. A
program that ends between the two questions, which is one in some hundred, is answered by neither: run_command selects
once more, on nothing, for a whole second. All other hosts of a play wait for that one.
"""

from __future__ import annotations

import selectors
import types

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


class _PollSelector(selectors.PollSelector):
    """Does not wait when nothing is registered: then nothing can come."""

    def select(self, timeout: float | None = None) -> list[Any]:
        return super().select(timeout) if self.get_map() else []


def lay_over(basic: Any) -> None:
    """Have a module ``basic`` use this selector, if it is one that uses Python's."""
    if getattr(basic, "selectors", None) is selectors:
        basic.selectors = ours = types.ModuleType("selectors")
        ours.__dict__.update(selectors.__dict__, PollSelector=_PollSelector)
