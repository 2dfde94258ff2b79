# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Give tests, demo and bench real managed hosts on loopback.

One private sshd answers on all of 127.0.0.0/8, so that every address is a host of its own for Ansible although all
are this machine. The lab owns its keys, its accounts and every process it started; it must not know anything of the
package under test beyond where the checkout is.

    with Lab() as lab:
        result = lab.run_playbook("site.yml", lab.inventory(10), lab.ansible_cfg(strategy="svc_linear"))
        assert result.rc == 0, result
"""

from __future__ import annotations

from tests.lab.accounts import Account
from tests.lab.errors import LabError
from tests.lab.lab import Lab, LabHost
from tests.lab.playbook import PlaybookTimeoutError, RunResult

__all__ = ["Account", "Lab", "LabError", "LabHost", "PlaybookTimeoutError", "RunResult"]
