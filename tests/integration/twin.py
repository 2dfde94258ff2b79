# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run a playbook under ansible-core's linear and under svc_linear in equal circumstances, and compare what came out.

Owns what "equal circumstances" means: the same inventory, the same options, pipelining for both, working directories
that are empty before each run, and a statistics file for the run under svc_linear. What of two runs may differ is in
tests/lab/compare.py for events; what else may differ here, for output and files, stands beside the pattern that levels
it.

    pair = both(lab, PLAYBOOKS / "loops.yml", inventory(lab, 3))
    pair.assert_equal()
    pair.assert_native()

SVC_TEST_STRATEGY=linear compares linear with itself. That validates the comparison and says nothing of svc_linear.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.integration.outputs import DRAWN, assert_same_lines
from tests.integration.trees import Entry, describe
from tests.lab import Lab, RunResult, compare, processes

STOCK = "linear"
BROKEN_PIPE = "[Errno 32] Broken pipe"
"""What linear may say when ssh, or what it runs, ends before a module was written to it."""

CANDIDATE = os.environ.get("SVC_TEST_STRATEGY", "svc_linear")
"""The strategy under test."""

BOTH = tuple(dict.fromkeys((STOCK, CANDIDATE)))

PLAYBOOKS = Path(__file__).parent / "playbooks"
EXAMPLES = Path(__file__).parents[2] / "examples"

PYTHON = "/usr/bin/python3"
"""Interpreter of managed hosts wherever discovery is not what a test is about."""

NORMALISER = compare.Normaliser(
    ignore=frozenset(
        {
            # Lists in the order of a set of strings, which Python draws anew in each process.
            "ansible_interfaces",
            "ansible_virtualization_tech_guest",
            "ansible_virtualization_tech_host",
            # Of the process that watches a job.
            "child_pid",
        }
    ),
    level=DRAWN,
)
"""Level what linear itself gives differently in each run, beside what tests/lab/compare.py levels."""

Statistics = dict[str, Any]


@dataclass(frozen=True)
class Outcome:
    """Hold what one run gave: its result, the strategy's statistics (svc_linear only) and the files it left."""

    strategy: str
    run: RunResult
    statistics: Statistics | None
    files: dict[str, Entry] = field(repr=False)

    def assert_native(self, *reasons: str) -> None:
        """Raise AssertionError unless tasks ran natively, and those that did not had the reasons given and no others.

        reasons: parts of what the statistics say about tasks that were forked or left to stock code; each of them has
        to occur. Nothing is asserted of a run under linear, which happens only when linear is compared with itself.
        """
        if self.strategy == STOCK:
            return
        assert self.statistics is not None, f"svc_linear wrote no statistics\n{self.run}"
        tasks = self.statistics["tasks"]
        assert tasks["native"] > 0, f"nothing ran natively: {tasks}"
        assert tasks["forked"] + tasks["stock"] == sum(tasks["reasons"].values()), tasks
        unexpected = [given for given in tasks["reasons"] if not any(reason in given for reason in reasons)]
        missing = [reason for reason in reasons if not any(reason in given for given in tasks["reasons"])]
        assert not unexpected, f"not as native as expected: {tasks}"
        assert not missing, f"more native than expected, {missing}: {tasks}"


@dataclass(frozen=True)
class Pair:
    """Hold the outcomes of the same playbook under linear (stock) and under the strategy under test (ours)."""

    stock: Outcome
    ours: Outcome

    def assert_equal(self) -> None:
        """Raise AssertionError with the differences unless exit code, events, output and files are the same."""
        # Twice the output of both runs would bury the difference that matters.
        assert self.stock.run.rc == self.ours.run.rc, f"exit codes differ\n{self.stock.run}\n{self.ours.run}"
        compare.assert_equal(_steady(self.stock.run.events), _steady(self.ours.run.events), NORMALISER)
        assert_same_lines(self.stock.run.stdout, self.ours.run.stdout, "standard output")
        assert_same_lines(self.stock.run.stderr, self.ours.run.stderr, "standard error")
        self.assert_same_files()

    def assert_equal_by_host(self) -> None:
        """Raise AssertionError unless exit code and files are the same, and the events of each host by themselves."""
        assert self.stock.run.rc == self.ours.run.rc, f"exit codes differ\n{self.stock.run}\n{self.ours.run}"
        compare.assert_equal(_steady(self.stock.run.events), _steady(self.ours.run.events), NORMALISER, in_step=False)
        self.assert_same_files()

    def assert_same_files(self) -> None:
        """Raise AssertionError unless both runs left the same files, with the same content, modes and owners."""
        changes = [set(one.files.items()) - set(other.files.items()) for one, other in self._both_ways()]
        assert changes == [set(), set()], f"files differ: {changes}"

    def _both_ways(self) -> list[tuple[Outcome, Outcome]]:
        return [(self.stock, self.ours), (self.ours, self.stock)]

    def assert_native(self, *reasons: str) -> None:
        """Raise AssertionError unless our run was native; see Outcome.assert_native."""
        self.ours.assert_native(*reasons)


def inventory(
    lab: Lab,
    count: int,
    hosts: Mapping[str, Mapping[str, Any]] | None = None,
    **variables: Any,
) -> Path:
    """Write a lab inventory; hosts adds variables per host name, None removes one.

    All hosts have PYTHON as interpreter unless variables say otherwise, `shared_dir`, a directory of the controller
    that is emptied before each run, `open_port`, where sshd listens, and `closed_port`, where nobody does.
    """
    common = {
        "ansible_python_interpreter": PYTHON,
        "shared_dir": str(_shared(lab)),
        "open_port": lab.sshd.port,
        # Port 1 (tcpmux) is below the range that free ports are drawn from, and served by nobody.
        "closed_port": 1,
    }
    path = lab.inventory(count, **{**common, **variables})
    content = json.loads(path.read_text())
    for scope in [content["all"]["vars"], *content["all"]["children"]["lab"]["hosts"].values()]:
        _drop_nones(scope)
    for name, more in (hosts or {}).items():
        entry = content["all"]["children"]["lab"]["hosts"][name]
        entry.update(more)
        _drop_nones(entry)
    path.write_text(json.dumps(content, indent=1))
    return path


def run(
    lab: Lab,
    strategy: str,
    book: Path | Sequence[Mapping[str, Any]],
    hosts: Path,
    *,
    args: Sequence[str] = (),
    env: Mapping[str, str] | None = None,
    timeout_s: float = 120,
    sections: Mapping[str, Mapping[str, object]] | None = None,
    command: Sequence[str] = (),
    **defaults: object,
) -> Outcome:
    """Run book once under strategy, with empty working directories; defaults and sections go to ansible.cfg.

    command: see Lab.run_playbook.
    """
    begin_afresh(lab)
    cfg = lab.ansible_cfg(strategy=strategy, pipelining=True, sections=sections, **defaults)  # type: ignore[arg-type]
    statistics_path = cfg.with_suffix(".stats.json")
    result = lab.run_playbook(
        book,
        hosts,
        cfg,
        extra_args=args,
        env={"ANSIBLE_SVC_STATS_FILE": str(statistics_path), **(env or {})},
        timeout_s=timeout_s,
        command=command,
    )
    if not strategy.startswith("svc_"):
        remove_leftovers(lab)
    if "Timeout exceeded" in result.stdout:
        _remove_what_killed_jobs_left(lab)
    statistics = json.loads(statistics_path.read_text()) if statistics_path.exists() else None
    files = {**describe(lab.directory / "hosts", lab.directory), **describe(_shared(lab), lab.directory)}
    return Outcome(strategy, result, statistics, files)


def both(
    lab: Lab,
    book: Path | Sequence[Mapping[str, Any]],
    hosts: Path,
    *,
    strategies: tuple[str, str] = (STOCK, CANDIDATE),
    **options: Any,
) -> Pair:
    """Run book under one of ansible-core's strategies and then under the one under test; options as for run."""
    if not isinstance(book, Path):
        # One file for both runs, because messages name it.
        path = hosts.with_suffix(".book.yml")
        path.write_text(json.dumps(book))
        book = path
    stock, ours = (run(lab, strategy, book, hosts, **options) for strategy in strategies)
    return Pair(stock, ours)


def begin_afresh(lab: Lab) -> None:
    """Empty every directory that a run may have written to, and make what would draw a warning on first use."""
    for directory in [_shared(lab), *(lab.directory / "hosts").iterdir()]:
        shutil.rmtree(directory)
        directory.mkdir()
        # As the lab makes them: tasks with and without become write here.
        directory.chmod(0o1777)
    # The controller's own home is that of what runs on localhost.
    homes = [
        (os.getuid(), os.getgid(), home) for home in (lab.directory / "controller", lab.directory / "home" / lab.user)
    ]
    homes += [(account.uid, account.gid, account.home) for account in _owners(lab)]
    for uid, gid, home in homes:
        # "Module remote_tmp did not exist and was created" comes only where a module finds that.
        for part in (home / ".ansible", home / ".ansible" / "tmp"):
            part.mkdir(mode=0o700, exist_ok=True)
            os.chown(part, uid, gid)


def remove_leftovers(lab: Lab) -> None:
    """Remove what linear leaves behind.

    Those are ssh masters, on purpose, and commands on hosts with their ssh clients after a task's timeout or a signal.
    """
    lab.close_masters()
    processes.end(lab.processes())
    for directory in [*lab.temporary_directories(), lab.directory / "controller" / "ansible" / "tmp"]:
        for path in directory.iterdir():
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _remove_what_killed_jobs_left(lab: Lab) -> None:
    """Remove what ansible-core's async_wrapper leaves behind when it kills a job at its limit, under any strategy.

    It sends SIGKILL, so the job cannot remove its temporary directory; and it makes the job a process group of its own
    only after the job was started, so a module that was quicker than that survives.
    """
    modules = [process for process in lab.processes() if "AnsiballZ_" in process.command()]
    processes.end([*modules, *processes.descendants(*(module.pid for module in modules))])
    for directory in lab.temporary_directories():
        for path in directory.glob("ansible_*_payload_*"):
            shutil.rmtree(path)


@dataclass(frozen=True)
class _Owner:
    uid: int
    gid: int
    home: Path


def _owners(lab: Lab) -> list[_Owner]:
    found = []
    for account in lab.accounts.values():
        status = account.home.stat()
        found.append(_Owner(status.st_uid, status.st_gid, account.home))
    return found


def _shared(lab: Lab) -> Path:
    path = lab.directory / "shared"
    if not path.exists():
        path.mkdir()
        path.chmod(0o1777)
    return path


def _drop_nones(scope: dict[str, Any]) -> None:
    for name in [name for name, value in scope.items() if value is None]:
        del scope[name]


def _steady(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the events without what depends on how fast a job is, under linear as well.

    How often a job is polled (runner_async_poll), how often async_status is tried again (runner_retry) and the number
    of attempts in its result depend on how soon the job ends after the first question.
    """
    kept = []
    for event in events:
        if event["event"] == "runner_async_poll":
            continue
        if str(event.get("action", "")).endswith("async_status"):
            if event["event"] == "runner_retry":
                continue
            event = _without_attempts(event)
        kept.append(event)
    return kept


def _without_attempts(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_attempts(inner) for key, inner in value.items() if key != "attempts"}
    if isinstance(value, list):
        return [_without_attempts(inner) for inner in value]
    return value
