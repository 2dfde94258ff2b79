# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure svc_linear beside stock Ansible and Mitogen, on the same machine in the same run."""

from __future__ import annotations
