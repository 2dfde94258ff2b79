# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A forked worker's access, with both ends in one process."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

import pytest
from ansible.errors import AnsibleError

from ansible_svc.engine.calls import Finished, Place
from ansible_svc.engine.fork_gateway import ForkedAccess, Gateway
from ansible_svc.engine.running import current_run
from ansible_svc.errors import CancelledError, DisconnectedError, Error, RemoteError, remote_error_class
from ansible_svc.services.links import Link
from ansible_svc.transport.failures import BecomeFailed, ConnectFailed, NoPython, PasswordWrong
from ansible_svc.transport.identity import Identity, LocalLogin, SshLogin, Sudo
from tests.unit.engine.conftest import PATIENCE_S, FakeCall

PLACE = Place(Identity(SshLogin("web", ("ssh",), "secret"), Sudo("root", "sudo", (), None)), ("python3",))


class Unsendable(Exception):
    """Be an error that cannot be pickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("unsendable")


class FakeAccess:
    """Be the parent's Access: ``does`` is what its methods do."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []
        self.does: Callable[..., Any] = lambda *args, **kwargs: None

    def __getattr__(self, name: str) -> Any:
        def method(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            return self.does(*args, **kwargs)

        return method


class Worker:
    """Be a forked worker and the gateway that serves it."""

    def __init__(self) -> None:
        self.parent = FakeAccess()
        self.gateway = Gateway(self.parent)  # type: ignore[arg-type]
        self.channel = Connection(os.dup(self.gateway.child_end.fileno()))
        self.access = ForkedAccess(self.channel)
        before = set(threading.enumerate())
        self.gateway.serve()
        self.threads = set(threading.enumerate()) - before

    def go(self) -> None:
        """Be gone, as a worker that ends or is killed."""
        self.channel.close()
        for thread in self.threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "the gateway does not notice"


@pytest.fixture
def worker() -> Iterator[Worker]:
    descriptors = set(os.listdir("/proc/self/fd"))
    worker = Worker()
    yield worker
    worker.go()
    assert set(os.listdir("/proc/self/fd")) == descriptors


def test_calls_reach_the_parent_and_results_come_back(worker: Worker) -> None:
    worker.parent.does = lambda *args, **kwargs: Finished(3, b"out \xff", b"err")
    result = worker.access.exec_command(PLACE, ["true"], b"stdin", None, terminal=True)
    assert result == Finished(3, b"out \xff", b"err")
    assert worker.parent.calls == [("exec_command", (PLACE, ["true"], b"stdin", None), {"terminal": True})]


def test_large_arguments_and_results(worker: Worker) -> None:
    data = os.urandom(3 * 1024 * 1024)
    worker.parent.does = lambda place, argv, stdin, *more: Finished(0, stdin, stdin)
    assert worker.access.exec_command(PLACE, [], data, None, False).err == data


def test_one_call_after_the_other(worker: Worker) -> None:
    worker.parent.does = lambda name, path: f"{name} {path}"
    assert [worker.access.bundle("x", str(number)) for number in range(50)] == [f"x {number}" for number in range(50)]


def test_what_is_used_is_kept_from_call_to_call_until_the_worker_has_gone(worker: Worker) -> None:
    link = Link(threading.Lock())

    def use(*args: Any) -> int:
        uses = current_run().uses
        assert uses is not None
        with link.lock:
            uses.begin(link)
        return link.users

    worker.parent.does = use
    assert [worker.access.facts(PLACE) for _ in range(2)] == [1, 1]
    assert link.users == 1
    worker.go()
    assert link.users == 0


@pytest.mark.parametrize("name", ["_host", "no_such_method", "__class_getitem__", "_pool"])
def test_only_the_public_methods_can_be_asked_for(worker: Worker, name: str) -> None:
    with pytest.raises(AttributeError):
        getattr(worker.access, name)
    assert worker.parent.calls == []


@pytest.mark.parametrize(
    "error",
    [
        ConnectFailed("denied"),
        BecomeFailed("no"),
        PasswordWrong("wrong"),
        NoPython("none"),
        DisconnectedError("gone", {"number": 3}, "Traceback..."),
        RemoteError("why", {"a": [1]}, "Traceback..."),
        remote_error_class("FileNotFoundError")("[Errno 2] /x", {"errno": 2}, "Traceback..."),
        remote_error_class("OSError")("disk full"),
        AnsibleError("in Ansible's words"),
        FileNotFoundError(2, "No such file", "/x"),
        KeyError("x"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_errors_arrive_as_they_are(worker: Worker, error: Exception) -> None:
    def fail(*args: Any) -> None:
        raise error

    worker.parent.does = fail
    with pytest.raises(type(error)) as caught:
        worker.access.facts(PLACE)
    assert type(caught.value) is type(error)
    assert str(caught.value) == str(error)
    if isinstance(error, Error):
        assert isinstance(caught.value, Error)
        assert (caught.value.details, caught.value.remote_traceback) == (error.details, error.remote_traceback)
    worker.parent.does = lambda *args: {"still": "there"}
    assert worker.access.facts(PLACE) == {"still": "there"}


@pytest.mark.parametrize("succeeds", [True, False])
def test_what_cannot_be_sent_is_an_error_and_not_the_end(worker: Worker, succeeds: bool) -> None:
    def answer(*args: Any) -> Any:
        if succeeds:
            return threading.Lock()
        raise Unsendable(1, 2)

    worker.parent.does = answer
    with pytest.raises(Exception, match=r"lock|Unsendable"):
        worker.access.facts(PLACE)
    worker.parent.does = lambda *args: {"still": "there"}
    assert worker.access.facts(PLACE) == {"still": "there"}


def test_a_worker_that_goes_cancels_what_it_waited_for(worker: Worker) -> None:
    """Its timeout has passed, or it was killed."""
    call, waiting = FakeCall(), threading.Event()

    def wait(*args: Any) -> Any:
        with current_run().waiting_for(call):  # type: ignore[arg-type]
            waiting.set()
            return call.result()

    worker.parent.does = wait
    worker.channel.send((1, "facts", (PLACE,), {}))
    assert waiting.wait(PATIENCE_S)
    worker.go()
    assert call.cancelled == 1


def test_a_newer_request_cancels_an_older_one_and_gets_its_own_answer(worker: Worker) -> None:
    """An alarm ended the older one in the worker."""
    call, waiting = FakeCall(), threading.Event()

    def answer(*args: Any) -> Any:
        if not waiting.is_set():
            with current_run().waiting_for(call):  # type: ignore[arg-type]
                waiting.set()
                return call.result()
        return {"answer": "the newer"}

    worker.parent.does = answer
    next(worker.access._numbers)
    worker.channel.send((1, "facts", (PLACE,), {}))
    assert waiting.wait(PATIENCE_S)
    assert worker.access.facts(PLACE) == {"answer": "the newer"}
    assert call.cancelled == 1


def test_the_parent_that_is_gone_is_told_as_an_error(worker: Worker) -> None:
    def gone(*args: Any) -> Any:
        raise CancelledError("the run of this task was cancelled")

    worker.parent.does = gone
    with pytest.raises(CancelledError):
        worker.access.forget(Place(Identity(LocalLogin()), ()))
