# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module that ends whoever imports it, it thinks."""

from __future__ import annotations

raise SystemExit(3)
