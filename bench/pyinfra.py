# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Have pyinfra do the work of a playbook, for comparison with a tool that has no Ansible in it.

pyinfra is no dependency: it lives in a virtual environment of its own, ``.venv-pyinfra``, which ``make bench`` makes.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.lab import Lab
from tests.lab.lab import CHECKOUT, LabHost

PROGRAM = CHECKOUT / ".venv-pyinfra" / "bin" / "pyinfra"

# The playbooks of bench/playbooks that have an equal here.
DEPLOYS = {
    "command.yml": """
from pyinfra import host
from pyinfra.operations import server

for number in range(host.data.repeat):
    server.shell(name=f"Start a program {number}", commands=["/bin/true"])
""",
}


def command(lab: Lab, hosts: Sequence[LabHost], port: int, playbook: str, repeat: int) -> list[str]:
    """Write an inventory and the equal of a playbook into the lab; return the command that runs it."""
    folder = lab.directory / "pyinfra"
    folder.mkdir(exist_ok=True)
    # paramiko, pyinfra's ssh client, knows no patterns.
    key = lab.sshd.known_hosts.read_text().split(" ", 1)[1]
    known_hosts = folder / "known_hosts"
    known_hosts.write_text("".join(f"[{host.address}]:{port} {key}" for host in hosts))
    data = {
        "ssh_user": lab.user,
        "ssh_port": port,
        "ssh_key": str(lab.sshd.client_key),
        "ssh_known_hosts_file": str(known_hosts),
        "repeat": repeat,
    }
    inventory = folder / "inventory.py"
    names = [host.address for host in hosts]
    inventory.write_text(f"lab = ({names!r}, {data!r})\n")
    deploy = folder / "deploy.py"
    deploy.write_text(DEPLOYS[playbook])
    return [str(PROGRAM), "-y", str(inventory), str(deploy)]


def missing(playbook: str) -> str:
    """Return why pyinfra can not do the work of a playbook, "" when it can."""
    if not Path(PROGRAM).exists():
        return f"there is no {PROGRAM.relative_to(CHECKOUT)} (`make bench` makes it)"
    return "" if playbook in DEPLOYS else f"it has no equal of {playbook}"
