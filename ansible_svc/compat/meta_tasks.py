# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Where meta tasks get their plugins: StrategyBase._execute_meta loads a connection plugin by itself to reset it.

It does so through the name ``plugin_loader`` in ansible.plugins.strategy (2.19 to 2.21).
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

from ansible.plugins import strategy


@contextlib.contextmanager
def taking_plugins_from(loaders: Any) -> Iterator[None]:
    """Have strategies take plugins from other loaders while the block runs.

    Parameters:
        loaders: stands for the module ansible.plugins.loader.

    Threads: the main one, on which strategies run.
    """
    stock = strategy.plugin_loader
    strategy.plugin_loader = loaders
    try:
        yield
    finally:
        strategy.plugin_loader = stock
