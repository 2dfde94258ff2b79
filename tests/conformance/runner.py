# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run targets under a strategy, one or several private hosts at a time, and record what came of it.

The runner owns the directories of a run and its threads; what runs in a host comes from suite.py, the host itself
from privatehost.py.
"""

from __future__ import annotations

import datetime
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from tests.conformance import layout
from tests.conformance.environment import Subject
from tests.conformance.privatehost import Outcome, Overlay, run
from tests.conformance.results import Result, ResultFile, Status, excerpt, result_path
from tests.conformance.strategies import STOCK
from tests.conformance.suite import Suite, build_wheel, install

REPOSITORY = Path(__file__).resolve().parents[2]
_PACKAGE = "ansible_svc"


@dataclass(frozen=True)
class Limits:
    """Bound a run: hosts at a time, seconds per target, niceness of everything inside."""

    jobs: int = 1
    time_limit_s: float = 300.0
    nice: int = 0


class Runner:
    """Run the targets of one suite.

    Threads: `run` is called by one thread and uses `limits.jobs` of its own, which share nothing but the result file
    (its put is serialised by a file lock) and `announce` (called from those threads, one target at a time each).
    """

    def __init__(
        self,
        suite: Suite,
        cache: Path,
        limits: Limits,
        announce: Callable[[Result], None],
        *,
        over_ssh: bool = True,
    ) -> None:
        """Prepare for running; announce is called with each result as it comes in."""
        self._suite = suite
        self._cache = cache
        self._limits = limits
        self._announce = announce
        self._over_ssh = over_ssh
        self._stop = threading.Event()

    def results(self, strategy: str) -> ResultFile:
        """Return the results so far of a strategy, with this suite's ansible-core and Python."""
        image = self._suite.image
        return ResultFile(result_path(self._cache, image.core, image.python, strategy))

    def run(self, names: Iterable[str], strategy: str, plugin_path: str | None = None) -> dict[str, Result]:
        """Run the named targets under `strategy` and return their results.

        plugin_path is where a strategy is that is neither stock's nor ours nor Mitogen's, as seen inside.
        """
        paths = {"strategy": plugin_path} if plugin_path else self._suite.plugin_paths(strategy)
        subject = Subject(None if strategy == STOCK else strategy, paths)
        results = self.results(strategy)
        commit = "" if strategy == STOCK else describe_commit()
        with _run_directory(self._cache) as directory:
            wheel = build_wheel(REPOSITORY, directory)

            def one(name: str) -> Result:
                result = self._run_one(name, strategy, subject, wheel, commit)
                if not self._stop.is_set():
                    results.put(result)
                    self._announce(result)
                return result

            with ThreadPoolExecutor(self._limits.jobs) as threads:
                futures = [threads.submit(one, name) for name in names]
                try:
                    return {result.target: result for result in (future.result() for future in futures)}
                except BaseException:
                    # Ctrl-C, or a host that could not be set up: the rest would only fail in the same way.
                    self._stop.set()
                    threads.shutdown(cancel_futures=True)
                    raise

    def _run_one(self, name: str, strategy: str, subject: Subject, wheel: Path, commit: str) -> Result:
        image = self._suite.image
        log = self._cache / "logs" / f"{image.core}-py{image.python}" / strategy / f"{name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.unlink(missing_ok=True)
        directory = wheel.parent / name
        upper = directory / "upper"
        upper.mkdir(parents=True)
        try:
            install(wheel, layout.under(upper, PurePosixPath(image.site_packages)))
            steps, mapped = self._suite.steps(self._suite.targets[name], subject, upper, over_ssh=self._over_ssh)
            overlay = Overlay((image.layer, upper), directory / "scratch")
            limits = self._limits
            outcome = run(overlay, steps, log, time_limit_s=limits.time_limit_s, nice=limits.nice, stop=self._stop)
        finally:
            shutil.rmtree(directory)
        return Result(
            target=name,
            status=_status(outcome),
            seconds=round(outcome.seconds, 1),
            log=str(log),
            date=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            failed_step=outcome.failed_step,
            commit=commit,
            excerpt=excerpt(log.read_text("utf-8", "replace")) if outcome.rc else [],
            mapped=mapped,
        )


def describe_commit() -> str:
    """Return the commit of the checkout, with "+" behind it when the package differs from it; "" outside of git."""
    head = _git("rev-parse", "--short", "HEAD")
    return head + ("+" if head and _git("status", "--porcelain", "--", _PACKAGE) else "")


def _git(*arguments: str) -> str:
    command = ["git", *arguments]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _status(outcome: Outcome) -> Status:
    if outcome.timed_out:
        return Status.TIMEOUT
    return Status.PASSED if outcome.rc == 0 else Status.FAILED


@contextmanager
def _run_directory(cache: Path) -> Iterator[Path]:
    """Make a directory on the image's file system, as overlayfs demands, and remove it after the run."""
    (cache / "runs").mkdir(parents=True, exist_ok=True)
    directory = Path(tempfile.mkdtemp(dir=cache / "runs"))
    directory.chmod(0o755)
    try:
        yield directory
    finally:
        shutil.rmtree(directory)
