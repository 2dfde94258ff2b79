# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Name the failures that the runner reports to its caller."""

from __future__ import annotations


class ConformanceError(Exception):
    """Tell that the runner could not do its work, as opposed to a target that failed."""


class UnknownTargetError(ConformanceError, LookupError):
    """Tell that a name or pattern matches no integration target of the ansible-core release."""


class UnsuitableMachineError(ConformanceError):
    """Tell that this machine cannot make private hosts, and what it lacks."""
