# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold what the Makefile runs: set-up, demo, and the build hook of the wheel."""

from __future__ import annotations
