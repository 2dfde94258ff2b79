# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Interpreter discovery without a round trip."""

from __future__ import annotations

from typing import Any

from ansible import constants as C

from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.engine.calls import Finished
from ansible_svc.engine.command_result import as_result


class Discovery:
    """Stands in for an action in ansible-core's discover_interpreter; knows the answer from the agent's hello.

    This may be the task's first use of the connection, which then comes up or fails here. Where the host has no Python,
    and with other candidates than the agent looked for, ansible-core's own command is run.
    """

    def __init__(self, action: Any, variables: dict[str, Any]) -> None:
        self._action = action
        self._variables = variables

    def _low_level_execute_command(self, cmd: str, sudoable: bool = True) -> dict[str, Any]:
        connection = self._action._svc
        facts = self._facts(connection) if connection is not None else {}
        wanted = C.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=self._variables)
        if list(map(str, wanted)) != facts.get("candidates"):
            result: dict[str, Any] = self._action._low_level_execute_command(cmd, sudoable=sudoable)
            return result
        out = "\n".join(("FOUND", *facts["found"], "ENDFOUND", ""))
        return as_result(Finished(0, out.encode(), b""), "strict")

    def _facts(self, connection: Any) -> dict[str, Any]:
        place = connection.svc_place(become=False)
        with as_ansible(connection):
            facts: dict[str, Any] = self._action.svc_access.facts(place)
        return facts
