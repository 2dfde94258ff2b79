# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Measure one run of a workload under one strategy, on a lab of its own.

Each run has a fresh lab, so that no run finds what another has left on the hosts. Target CPU is everything below the
lab's sshd, controller CPU everything below ansible-playbook, with its ssh clients; both come from bench/account.py.
A second run is measured in the lab of a first one, whose figures are taken off.
Wall time ends when ansible-playbook does. ssh masters that stock Ansible leaves are closed right after that.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench import pyinfra
from bench.contenders import Contender
from bench.tree_cpu import tree_cpu
from bench.workloads import Workload
from tests.lab import Lab, LabError, processes
from tests.lab.lab import CHECKOUT
from tests.lab.playbook import EVENTS_VARIABLE, executable, read_events
from tests.lab.proxy import Counters, Proxy

_SAMPLE_S = 0.2
_SESSIONS_END_S = 30.0


@dataclass(frozen=True)
class Setting:
    """Hold what is the same for all contenders: hosts, and the round trip of the line to them.

    forks: how many hosts are worked on at once; all when it is 0. compression: whether ssh is told to compress.
    second: whether the run to measure finds what a first one has left.
    """

    workload: Workload
    hosts: int
    round_trip_s: float = 0.0
    timeout_s: float = 900.0
    forks: int = 0
    compression: bool = True
    second: bool = False


@dataclass(frozen=True)
class Footprint:
    """Hold what is measured in a run of its own, because measuring it costs CPU: memory and the wire.

    peak_pss_bytes is the largest sum seen over the controller's processes, ssh clients and all; pages they share count
    once. peak_clients counts the ssh clients, peak_processes the others.
    """

    peak_pss_bytes: int
    peak_processes: int
    peak_clients: int
    wire: Counters


@dataclass(frozen=True)
class Run:
    """Hold the figures of one run. output is what was printed; comparable tells that Ansible did."""

    strategy: str
    rc: int
    wall_s: float
    controller_s: float
    target_s: float
    tasks: int
    output: str = field(repr=False)
    events: list[dict[str, Any]] = field(repr=False, default_factory=list)
    footprint: Footprint | None = None
    comparable: bool = True


def measure(contender: Contender, setting: Setting, *, events: bool = False, footprint: bool = False) -> Run:
    """Run the workload once. events: record callback events. footprint: watch memory and wire, which costs CPU.

    Raises LabError, also when ansible-playbook does not end in time.
    """
    with tempfile.TemporaryDirectory(prefix="svcbench-") as kept:
        # Kept outside of the lab: written while the lab is taken down.
        report = Path(kept) / "target.jsonl"
        with Lab(with_accounts=False, wrapper=accounting(str(report))) as lab, contextlib.ExitStack() as stack:
            proxy = None
            if footprint or setting.round_trip_s > 0:
                proxy = stack.enter_context(Proxy(lab.sshd.port, setting.round_trip_s))
            controller = _Controller(lab, contender, setting, proxy.port if proxy else lab.sshd.port)
            before_s = _first_run(controller, lab) if setting.second else 0.0
            if proxy:
                proxy.reset()
            run = controller.run(events=events, footprint=footprint)
            wire = proxy.counters() if proxy else Counters()
        _, usage = _reports(report.read_text())
    if run.footprint is not None:
        run = replace(run, footprint=replace(run.footprint, wire=wire))
    return replace(run, target_s=_cpu_s(usage) - before_s)


def _first_run(controller: _Controller, lab: Lab) -> float:
    """Run to the end, also of all sessions on the hosts; return what it used there. Raises LabError when it fails."""
    listening = lab.sshd.sessions()  # sshd itself, which is below what accounts for it
    run = controller.run(events=False, footprint=False)
    if run.rc != 0:
        raise LabError(f"the first run of {run.strategy} ended with {run.rc}:\n{run.output[-2000:]}")
    sessions = [process for process in lab.sshd.sessions() if process not in listening]
    if left := processes.wait_gone(sessions, _SESSIONS_END_S):
        raise LabError(f"the first run of {run.strategy} has left {left}")
    assert lab.sshd.process is not None
    return sum(tree_cpu(lab.sshd.process.pid).values())


def announced(contender: Contender, setting: Setting, *, footprint: bool = False) -> Run:
    """Measure one run and tell on standard error what it took. Raises as measure()."""
    run = measure(contender, setting, footprint=footprint)
    print(
        f"{setting.workload.name} {contender.strategy}: wall {run.wall_s:.2f} s, controller {run.controller_s:.2f} s,"
        f" targets {run.target_s:.2f} s{' (footprint run)' if run.footprint else ''}",
        file=sys.stderr,
        flush=True,
    )
    return run


def succeeded(contender: Contender, setting: Setting, *, footprint: bool = False) -> Run:
    """Measure one run as announced(). Raises LabError also when the playbook failed."""
    run = announced(contender, setting, footprint=footprint)
    if run.rc != 0:
        raise LabError(f"{contender.strategy} ended with {run.rc}:\n{run.output[-2000:]}")
    return run


def difference(more: Sequence[Run], less: Sequence[Run], figure: str) -> float:
    """Return by how much the median of a figure is larger in some runs than in others."""
    return float(statistics.median(getattr(run, figure) for run in more)) - float(
        statistics.median(getattr(run, figure) for run in less)
    )


class _Controller:
    """Run ansible-playbook on a lab's hosts, with its CPU time accounted for."""

    def __init__(self, lab: Lab, contender: Contender, setting: Setting, port: int) -> None:
        self._lab = lab
        # All hosts share this home: whose module makes the folder, and warns of it, would be left to chance.
        lab.remote_tmp.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._contender = contender
        self._setting = setting
        # ssh_args stay ansible-core's own, as most users have them: what ssh has to know of the lab goes beside them.
        ssh_args = f"{'-C ' if setting.compression else ''}-o ControlMaster=auto -o ControlPersist=60s"
        cfg = lab.ansible_cfg(
            strategy=contender.strategy,
            strategy_plugins=contender.directory,
            forks=setting.forks or setting.hosts,
            pipelining=True,
            sections={"ssh_connection": {"ssh_args": ssh_args, "ssh_extra_args": lab.ssh_options}},
        )
        inventory = lab.inventory(setting.hosts, ansible_port=port)
        # The proxy has a port of its own, for which the server's key is as good.
        hosts_file = lab.sshd.known_hosts
        hosts_file.write_text(hosts_file.read_text().replace(f"]:{lab.sshd.port}", "]:*"))
        book, self._tasks = setting.workload.write(lab.directory)
        self._events = lab.directory / "events.jsonl"
        command = [*executable(), "-i", str(inventory), str(book)]
        if contender.program is not None:
            workload = setting.workload
            command = pyinfra.command(lab, lab.hosts(setting.hosts), port, workload.playbook, workload.repeat)
        self._command = [*accounting("/dev/stdout"), *_quiet(command)]
        self._env = lab.env(cfg)

    def run(self, *, events: bool, footprint: bool) -> Run:
        """Run to the end of all processes; target_s of what is returned is not known yet."""
        env = self._env | ({EVENTS_VARIABLE: str(self._events)} if events else {})
        output = self._lab.directory / "output.txt"
        with open(output, "wb") as log:
            process = subprocess.Popen(
                self._command,
                env=env,
                cwd=CHECKOUT,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=log,
                bufsize=0,
            )
        try:
            with _Sampler(process.pid) if footprint else contextlib.nullcontext() as sampler:
                report = self._read(process, self._setting.timeout_s)
            self._lab.close_masters()
            while piece := self._read(process, timeout_s=60):
                report += piece
            process.wait(timeout=10)
        finally:
            if process.poll() is None:
                process.terminate()
                processes.end(processes.descendants(process.pid))
                process.wait(timeout=10)
        ended, usage = _reports(report.decode())
        return Run(
            strategy=self._contender.strategy,
            rc=ended["rc"],
            wall_s=ended["wall_s"],
            controller_s=_cpu_s(usage),
            target_s=0.0,
            tasks=self._tasks * self._setting.hosts,
            output=output.read_text(errors="replace"),
            events=read_events(self._events),
            footprint=sampler.footprint() if sampler else None,
            comparable=self._contender.program is None,
        )

    def _read(self, process: subprocess.Popen[bytes], timeout_s: float) -> bytes:
        """Wait for the next piece of the report, of which the first says that ansible-playbook itself has ended."""
        assert process.stdout is not None
        ready, _, _ = select.select([process.stdout], [], [], timeout_s)
        if not ready:
            raise LabError(f"{self._contender.strategy} did not end within {timeout_s:g} s")
        return os.read(process.stdout.fileno(), 4096)


class _Sampler:
    """Look at the memory of everything below a process every now and then, while the with block runs.

    Threads: a thread of its own samples; the peaks are read after the block.
    """

    def __init__(self, root: int) -> None:
        self._peak_pss_bytes = 0
        self._peak_processes = 0
        self._peak_clients = 0
        self._root = root
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._sample, name="bench-sampler")

    def __enter__(self) -> _Sampler:
        self._thread.start()
        return self

    def __exit__(self, *_exc: object) -> None:
        self._end.set()
        self._thread.join()

    def footprint(self) -> Footprint:
        """Return the peaks; the wire is watched by somebody else."""
        return Footprint(self._peak_pss_bytes, self._peak_processes, self._peak_clients, Counters())

    def _sample(self) -> None:
        while not self._end.wait(_SAMPLE_S):
            found = processes.descendants(self._root)
            clients = sum(process.name == "ssh" for process in found)
            self._peak_clients = max(self._peak_clients, clients)
            self._peak_processes = max(self._peak_processes, len(found) - clients)
            self._peak_pss_bytes = max(self._peak_pss_bytes, sum(_pss_bytes(process.pid) for process in found))


def _pss_bytes(pid: int) -> int:
    """Return the proportional set size (proc_pid_smaps(5)); 0 when the process has just ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return 0
    return sum(int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:"))


def accounting(report: str) -> list[str]:
    """Return the beginning of a command that accounts for what follows; see bench/account.py."""
    return [sys.executable, str(Path(__file__).with_name("account.py")), report]


def _quiet(command: Sequence[str]) -> list[str]:
    """Return the command with its standard output on standard error: the report has standard output to itself."""
    return ["/bin/sh", "-c", 'exec "$@" >&2', "sh", *command]


def _reports(text: str) -> tuple[dict[str, Any], dict[str, Any]]:
    ended, usage = (json.loads(line) for line in text.splitlines())
    return ended, usage


def _cpu_s(usage: dict[str, Any]) -> float:
    return float(usage["user_s"] + usage["system_s"])
