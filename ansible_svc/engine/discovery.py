# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Interpreter discovery without a round trip."""

from __future__ import annotations

from typing import Any

from ansible import constants as C

from ansible_svc.engine.access import Finished
from ansible_svc.engine.ansible_errors import as_ansible
from ansible_svc.engine.command_result import as_result


class Discovery:
    """Stands in for an action in ansible-core's discover_interpreter; knows the answer from the agent's hello."""

    def __init__(self, action: Any, variables: dict[str, Any]) -> None:
        self._action = action
        self._variables = variables

    def _low_level_execute_command(self, cmd: str, sudoable: bool = True) -> dict[str, Any]:
        connection = self._action._svc
        place = connection.svc_place(become=False)
        with as_ansible(connection):
            facts = self._action.svc_access.facts(place)
        wanted = C.config.get_config_value("INTERPRETER_PYTHON_FALLBACK", variables=self._variables)
        if list(map(str, wanted)) != facts["candidates"]:
            result: dict[str, Any] = self._action._low_level_execute_command(cmd, sudoable=sudoable)
            return result
        out = "\n".join(("FOUND", *facts["found"], "ENDFOUND", ""))
        return as_result(Finished(0, out.encode(), b""), "strict")
