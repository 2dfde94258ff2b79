# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Collect the results of a play instead of showing them, for ``ansible-svc doctor``."""

from __future__ import annotations

from typing import Any, ClassVar

from ansible.plugins.callback import CallbackBase


class CallbackModule(CallbackBase):
    """Attributes: collected: host -> (ok, failed or unreachable, the result)."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "svc_collect"

    # On the class, because TaskQueueManager makes the object and keeps it to itself.
    collected: ClassVar[dict[str, tuple[str, dict[str, Any]]]] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        """Note a result."""
        self._note("ok", result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        """Note a failure."""
        self._note("failed", result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        """Note a host that could not be reached."""
        self._note("unreachable", result)

    def _note(self, status: str, result: Any) -> None:
        self.collected[result.host.get_name()] = status, dict(result.result)
