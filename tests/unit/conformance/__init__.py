# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Test the parsing and deciding parts of the conformance runner, without a private host."""

from __future__ import annotations
