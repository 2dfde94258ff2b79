# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run plays over a line that delays and counts: what a run sends, and how often it waits for an answer.

with Wire(lab, hosts=1, round_trip_s=0.05) as wire:
    handshake = wire.handshake()
    counted = wire.run([{"ansible.builtin.command": "true"}], strategy="svc_linear")
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.lab.errors import LabError
from tests.lab.lab import Lab
from tests.lab.proxy import Counters, Proxy


class Wire:
    """A line to hosts of a lab.

    Parameters:
        lab: where the hosts are.
        hosts: how many there are.
        round_trip_s: delay of the line, there and back.

    Attributes:
        inventory: the hosts as they are reached over the line, once that is entered.

    Threads: as Proxy.
    """

    def __init__(self, lab: Lab, hosts: int, round_trip_s: float) -> None:
        self._lab = lab
        self._hosts = hosts
        self._proxy = Proxy(lab.sshd.port, round_trip_s)

    def __enter__(self) -> Wire:
        self._proxy.__enter__()
        self.inventory = self._lab.inventory(self._hosts, ansible_port=self._proxy.port)
        # The proxy has a port of its own, for which the server's key is as good.
        hosts_file = self._lab.sshd.known_hosts
        hosts_file.write_text(hosts_file.read_text().replace(f"]:{self._lab.sshd.port}", "]:*"))
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self._proxy.__exit__(kind, exc, tb)

    def handshake(self) -> Counters:
        """Return what one ssh connection costs in which a command is run that does nothing."""
        [host] = self._lab.hosts(1)
        self._proxy.reset()
        options = ["-F", "none", *self._lab.ssh_options.split(), "-i", str(self._lab.sshd.client_key)]
        subprocess.run(
            ["ssh", *options, "-p", str(self._proxy.port), f"{self._lab.user}@{host.address}", "true"],
            stdin=subprocess.DEVNULL,
            check=True,
            timeout=60,
        )
        return self._proxy.reset()

    def run(
        self,
        tasks: Sequence[Mapping[str, Any]],
        *,
        strategy: str,
        plugins: str | os.PathLike[str] | None = None,
        ssh_args: str = "",
        sections: Mapping[str, Mapping[str, object]] | None = None,
    ) -> Counters:
        """Run tasks on all hosts and return what that cost.

        Parameters:
            tasks: of the one play.
            strategy, plugins: the strategy and where its plugin is, see Lab.ansible_cfg.
            ssh_args: options of ssh that go before those that the lab needs.
            sections: for ansible.cfg.

        Raises LabError when a task failed.
        """
        cfg: Path = self._lab.ansible_cfg(
            strategy=strategy,
            strategy_plugins=plugins,
            pipelining=True,
            forks=self._hosts,
            sections={
                **(sections or {}),
                "ssh_connection": {"ssh_args": f"{ssh_args} {self._lab.ssh_options}".strip()},
            },
        )
        plays = [{"hosts": "all", "gather_facts": False, "tasks": [dict(task) for task in tasks]}]
        self._proxy.reset()
        result = self._lab.run_playbook(plays, inventory=self.inventory, cfg=cfg, timeout_s=900)
        counted = self._proxy.reset()
        if result.rc != 0:
            raise LabError(f"a run over the wire failed: {result}")
        return counted
