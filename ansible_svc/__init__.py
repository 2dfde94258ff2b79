# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run Ansible playbooks through one shared service pool."""

from __future__ import annotations

__version__ = "0.1.0"
