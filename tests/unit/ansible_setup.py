# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set ansible-core up in this process as its command line does, for tests that load plugins."""

from __future__ import annotations

from ansible.plugins.loader import init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig


def set_up() -> None:
    """Have ansible-core find its own plugins under all their names; calling it again changes nothing."""
    if AnsibleCollectionConfig.collection_finder is None:
        init_plugin_loader([])
