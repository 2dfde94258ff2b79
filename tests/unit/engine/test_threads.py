# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Threads for tasks: as many as are needed, used again, and what ansible-core sees of them."""

from __future__ import annotations

import contextvars
import threading
from collections.abc import Callable, Iterator

import pytest

from ansible_svc.engine.running import current_run
from ansible_svc.engine.threads import TaskThreads, ThreadWorker
from ansible_svc.errors import CancelledError
from ansible_svc.services.links import Link
from tests.unit.engine.conftest import PATIENCE_S, FakeCall


class Job:
    """Be a job that goes on when the test says so."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.go_on = threading.Event()
        self.ended = threading.Event()
        self.thread: threading.Thread | None = None

    def __call__(self) -> None:
        self.thread = threading.current_thread()
        self.begun.set()
        assert self.go_on.wait(PATIENCE_S)
        self.ended.set()

    def finish(self) -> None:
        self.go_on.set()
        assert self.ended.wait(PATIENCE_S)


@pytest.fixture
def threads() -> Iterator[TaskThreads]:
    before = set(threading.enumerate())
    threads = TaskThreads()
    yield threads
    threads.close()
    for thread in set(threading.enumerate()) - before:
        thread.join(PATIENCE_S)
        assert not thread.is_alive()


def started(threads: TaskThreads, count: int) -> list[Job]:
    jobs = [Job() for _ in range(count)]
    for job in jobs:
        threads.start(job, lambda: None)
    for job in jobs:
        assert job.begun.wait(PATIENCE_S)
    return jobs


def free(threads: TaskThreads, count: int) -> None:
    """Wait until so many threads are free."""
    pause = threading.Event()
    for _ in range(2000):
        if threads._free == count:
            return
        pause.wait(0.01)
    raise AssertionError(f"{threads._free} threads are free, not {count}")


def test_there_are_as_many_threads_as_jobs_at_once(threads: TaskThreads) -> None:
    assert threads.count == 0
    jobs = started(threads, 5)
    assert threads.count == 5
    assert len({job.thread for job in jobs}) == 5
    assert all(job.thread is not None and job.thread.daemon for job in jobs)
    for job in jobs:
        job.finish()


def test_threads_are_used_again(threads: TaskThreads) -> None:
    first = started(threads, 3)
    for job in first:
        job.finish()
    free(threads, 3)
    second = started(threads, 3)
    assert threads.count == 3
    assert {job.thread for job in second} == {job.thread for job in first}
    third = started(threads, 2)
    assert threads.count == 5
    for job in [*second, *third]:
        job.finish()


def test_who_hears_of_the_end_of_a_job_finds_its_thread_free(threads: TaskThreads) -> None:
    first, second = Job(), Job()
    threads.start(first, lambda: threads.start(second, lambda: None))
    first.finish()
    second.finish()
    assert first.thread is second.thread
    assert threads.count == 1


def test_one_thread_does_one_thing_after_the_other(threads: TaskThreads) -> None:
    for _ in range(20):
        [job] = started(threads, 1)
        job.finish()
        free(threads, 1)
    assert threads.count == 1


def test_threads_that_are_busy_finish_before_they_end(threads: TaskThreads) -> None:
    [job] = started(threads, 1)
    threads.close()
    assert job.thread is not None
    assert job.thread.is_alive()
    job.finish()
    job.thread.join(PATIENCE_S)
    assert not job.thread.is_alive()


# -- ThreadWorker


def a_worker(job: Callable[[], object], on_end: Callable[[], None]) -> ThreadWorker:
    """Return a worker that inherits this thread's context."""
    return ThreadWorker(object(), job, on_end, contextvars.copy_context())  # type: ignore[arg-type]


def run(threads: TaskThreads, worker: ThreadWorker, ended: threading.Event) -> None:
    worker.start(threads)
    assert ended.wait(PATIENCE_S)


def test_a_worker_that_ended_well(threads: TaskThreads) -> None:
    ended = threading.Event()
    seen: list[bool] = []
    worker = a_worker(lambda: seen.append(worker.is_alive()), ended.set)
    assert not worker.is_alive()
    run(threads, worker, ended)
    assert seen == [True]
    assert (worker.is_alive(), worker.exitcode, worker.failure, worker.pid) == (False, None, "", None)
    worker.close()


@pytest.mark.parametrize("fails", [False, True])
def test_a_worker_keeps_what_it_uses_until_its_end(threads: TaskThreads, fails: bool) -> None:
    ended = threading.Event()
    link = Link(threading.Lock())
    users: list[int] = []

    def use() -> None:
        uses = current_run().uses
        assert uses is not None
        for _ in range(2):
            with link.lock:
                uses.begin(link)
            users.append(link.users)
        if fails:
            raise ValueError("why")

    run(threads, a_worker(use, ended.set), ended)
    assert users == [1, 1]
    assert link.users == 0


@pytest.mark.parametrize(
    "error", [ValueError("why"), SystemExit(3), KeyboardInterrupt()], ids=lambda error: type(error).__name__
)
def test_a_worker_that_failed_has_an_exit_code_and_a_traceback(threads: TaskThreads, error: BaseException) -> None:
    def fail() -> None:
        raise error

    ended = threading.Event()
    worker = a_worker(fail, ended.set)
    run(threads, worker, ended)
    assert (worker.is_alive(), worker.exitcode) == (False, 1)
    assert "in fail\n" in worker.failure
    assert type(error).__name__ in worker.failure
    free(threads, 1)


def test_a_worker_is_over_before_anybody_is_told(threads: TaskThreads) -> None:
    told: list[tuple[bool, int | None]] = []
    ended = threading.Event()

    def on_end() -> None:
        told.append((worker.is_alive(), worker.exitcode))
        ended.set()

    worker = a_worker(lambda: 1 / 0, on_end)
    run(threads, worker, ended)
    assert told == [(False, 1)]


def test_a_worker_has_its_own_context(threads: TaskThreads) -> None:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    token = variable.set("inherited")
    seen: list[str] = []

    def look() -> None:
        seen.append(variable.get())
        variable.set("changed")

    for _ in range(2):
        ended = threading.Event()
        run(threads, a_worker(look, ended.set), ended)
    assert seen == ["inherited", "inherited"]
    assert variable.get() == "inherited"
    variable.reset(token)


def test_a_worker_that_is_terminated_counts_as_over_and_its_call_is_cancelled(threads: TaskThreads) -> None:
    call, waiting, ended = FakeCall(), threading.Event(), threading.Event()

    def wait() -> None:
        run = current_run()
        with run.waiting_for(call):  # type: ignore[arg-type]
            waiting.set()
            call.result()

    worker = a_worker(wait, ended.set)
    worker.start(threads)
    assert waiting.wait(PATIENCE_S)
    assert worker.is_alive()
    worker.terminate()
    assert not worker.is_alive()
    assert ended.wait(PATIENCE_S)
    assert call.cancelled == 1
    assert CancelledError.__name__ in worker.failure


def test_every_worker_has_a_run_of_its_own(threads: TaskThreads) -> None:
    runs = []
    for _ in range(2):
        ended = threading.Event()
        run(threads, a_worker(lambda: runs.append(current_run()), ended.set), ended)
    assert runs[0] is not runs[1]
    assert current_run() not in runs
