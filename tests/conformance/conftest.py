# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Keep the conformance tests out of every pytest run that does not ask for them with `-m conformance`."""

from __future__ import annotations

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", "conformance: ansible-core's integration targets (minutes; root and a download)")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the marked tests unless a marker expression names them."""
    if "conformance" in str(config.getoption("markexpr")):
        return
    kept = [item for item in items if item.get_closest_marker("conformance") is None]
    config.hook.pytest_deselected(items=[item for item in items if item not in kept])
    items[:] = kept
