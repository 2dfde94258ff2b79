# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name what can go wrong in the lab."""

from __future__ import annotations


class LabError(RuntimeError):
    """Say in one sentence why the lab can not be brought up or taken down."""
