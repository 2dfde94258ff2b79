# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Finished processes in the form that ansible-core's action plugins know."""

from __future__ import annotations

import signal
from typing import Any

from ansible.module_utils.common.text.converters import to_text

from ansible_svc.engine.calls import Finished


def as_result(finished: Finished, errors: str) -> dict[str, Any]:
    """Return a finished process the way ActionBase._low_level_execute_command does."""
    rc, err = finished.rc, finished.err
    if rc < 0:  # a shell between us would have said so in this way
        err += f"{signal.strsignal(-rc)}\n".encode()
        rc = 128 - rc
    out_text = to_text(finished.out, errors=errors)
    err_text = to_text(err, errors=errors)
    return {
        "rc": rc,
        "stdout": out_text,
        "stdout_lines": out_text.splitlines(),
        "stderr": err_text,
        "stderr_lines": err_text.splitlines(),
    }
