# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say it when a connection plugin of ours works as ansible-core's, because no strategy of ours runs the play."""

from __future__ import annotations

from ansible.utils.display import Display

display = Display()

_told: set[str] = set()


def tell_when_plain(name: str, stock: str) -> None:
    """Say once per process, at -v, that a plugin works as ansible-core's.

    Only reached without the strategies: under them the plugin's class is replaced before it connects.
    """
    if name not in _told:
        _told.add(name)
        display.v(f"svc: {name} works as ansible-core's {stock} here, because the play's strategy is not one of svc's")
