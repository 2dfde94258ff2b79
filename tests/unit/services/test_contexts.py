# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Connections: one attempt for all who ask, and what is remembered of it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

import mitogen.core
import mitogen.sudo
import pytest

from ansible_svc.errors import CancelledError, DeadlineExceededError
from ansible_svc.names import BECOME_SERVICE
from ansible_svc.services import contexts, links
from ansible_svc.services.attempt import Attempt
from ansible_svc.services.contexts import ContextService
from ansible_svc.services.host import Host
from ansible_svc.services.links import Uses
from ansible_svc.transport.archives import AgentCode, Archive
from ansible_svc.transport.boot import NO_PYTHON
from ansible_svc.transport.failures import (
    BecomeFailed,
    ConnectFailed,
    HostKeyUnknown,
    NoPython,
    PasswordMissing,
    PasswordWrong,
)
from ansible_svc.transport.identity import Identity, LocalLogin, SshLogin, Sudo
from ansible_svc.transport.local import LocalConnection
from ansible_svc.transport.ssh import HOST_KEY_QUESTION, SshConnection

PATIENCE_S = 20.0
LOGIN = SshLogin(host="web", argv=("ssh", "web"), password=None)
WEB = Identity(LOGIN)
ROOT = Identity(LOGIN, Sudo(user="root", executable="sudo", flags=("-H",), password="secret"))
AGENT = AgentCode("first stage", Archive("digest-1", b"packed-1"))
BECOME = Archive("digest-2", b"packed-2")
EOF = "EOF on stream; last 100 lines received:\n"


class Farewell:
    """Be what mitogen waits with for the end of a context."""

    def __init__(self, answers: bool) -> None:
        self._answers = answers

    def get(self, timeout: float) -> None:
        if not self._answers:
            raise mitogen.core.TimeoutError


class Context:
    """Be a mitogen context; without answers, one whose host has stopped."""

    answers = True

    def __init__(self, number: int) -> None:
        self.context_id = number
        self.shut_down = 0
        self.svc_facts = {"python": "/usr/bin/python3", "pid": number, "warm": False}

    def shutdown(self, wait: bool) -> Farewell:
        assert not wait, "it may never answer"
        self.shut_down += 1
        if self.answers:
            mitogen.core.fire(self, "disconnect")
        return Farewell(self.answers)


class Router:
    """Be a router whose connections a test decides about."""

    def __init__(self) -> None:
        self.connected: list[tuple[Any, dict[str, Any]]] = []
        self.contexts: list[Context] = []
        self.failures: list[BaseException] = []
        self.lost: set[int] = set()
        self.gate: Callable[[], object] = lambda: None

    def _connect(self, kind: Any, **options: Any) -> Context:
        self.connected.append((kind, options))
        self.gate()
        if self.failures:
            raise self.failures.pop(0)
        context = Context(len(self.contexts) + 1)
        self.contexts.append(context)
        return context

    def allocate_id(self) -> int:
        return len(self.contexts) + 1

    def context_by_id(self, number: int, via_id: int) -> Context:
        assert via_id in {context.context_id for context in self.contexts}
        return next(context for context in self.contexts if context.context_id == number)

    def stream_by_id(self, number: int) -> object:
        return None if number in self.lost else self


class TellingFuture(Future[Host]):
    """Be a future that tells when somebody waits for it."""

    def __init__(self, waiters: threading.Semaphore) -> None:
        super().__init__()
        self._told = waiters

    def add_done_callback(self, fn: Callable[[Future[Host]], object]) -> None:
        super().add_done_callback(fn)
        self._told.release()


class Stage:
    """Hold a service, its router, and how long it slept."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.router = Router()
        self.pauses: list[float] = []
        self.forgetful: set[int] = set()
        self.becoming: list[tuple[Context, dict[str, Any]]] = []
        self.born: list[Context] = []
        monkeypatch.setattr(contexts, "call", self._call)
        monkeypatch.setattr(contexts, "born_with_pool", self.born.append)
        self.forgotten: list[Context] = []
        self.clients_ended: list[Context] = []
        monkeypatch.setattr(contexts, "end_client", lambda router, context: self.clients_ended.append(context))
        monkeypatch.setattr(contexts, "forget_context", lambda router, context: self.forgotten.append(context))
        monkeypatch.setattr(contexts, "agent_code", lambda directory: AGENT)
        monkeypatch.setattr(contexts, "become_archive", lambda directory: BECOME)
        self.waiters = threading.Semaphore(0)
        monkeypatch.setattr(links, "Future", lambda: TellingFuture(self.waiters))
        monkeypatch.setattr(links, "room_for", lambda count: min(count, self.room))
        self.room = 1000
        self.service = ContextService(self.router)
        monkeypatch.setattr(self.service._ended, "wait", self._pause)

    def _pause(self, seconds: float) -> bool:
        self.pauses.append(seconds)
        return self.service._ended.is_set()

    def _call(self, context: Context, service: str, method: str, **arguments: Any) -> dict[str, Any]:
        assert (service, method) == (BECOME_SERVICE, "become")
        self.becoming.append((context, arguments))
        if not arguments["packed"] and context.context_id in self.forgetful:
            return {"missing": True}
        try:
            new = self.router._connect("become", **arguments)
        except mitogen.core.StreamError as error:
            return {"failure": str(error)}
        return {"facts": new.svc_facts}

    def host(self, identity: Identity = WEB) -> Host:
        return self.service.host(identity, ["python3"])

    def fail(self, *texts: str) -> None:
        self.router.failures += [mitogen.core.StreamError("%s", text) for text in texts]


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    return Stage(monkeypatch)


class Crowd:
    """Have many threads ask for one identity while its only attempt waits."""

    def __init__(self, stage: Stage, count: int) -> None:
        self._arrived = threading.Event()
        self._go_on = threading.Event()
        self.outcomes: list[Any] = []
        self._stage = stage
        stage.router.gate = self._wait
        self._threads = [threading.Thread(target=self._ask, daemon=True) for _ in range(count)]
        for thread in self._threads:
            thread.start()
        assert self._arrived.wait(PATIENCE_S)
        for _ in range(count):
            assert stage.waiters.acquire(timeout=PATIENCE_S)

    def _wait(self) -> None:
        self._arrived.set()
        assert self._go_on.wait(PATIENCE_S)

    def _ask(self) -> None:
        try:
            self.outcomes.append(self._stage.host())
        except BaseException as error:
            self.outcomes.append(error)

    def finish(self) -> list[Any]:
        self._go_on.set()
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive(), "somebody still waits"
        self._stage.router.gate = lambda: None
        return self.outcomes


# -- one attempt


def test_fifty_threads_share_one_attempt(stage: Stage) -> None:
    hosts = Crowd(stage, 50).finish()
    assert len(hosts) == 50
    assert len(set(map(id, hosts))) == 1
    assert len(stage.router.connected) == len(stage.born) == 1
    assert stage.host() is hosts[0]
    statistics = stage.service.context_statistics()
    assert (statistics.attempts, statistics.connected, statistics.lost) == (1, 1, 0)


def test_a_failure_reaches_all_and_is_not_kept(stage: Stage) -> None:
    crowd = Crowd(stage, 50)
    stage.fail("EOF on stream; last 100 lines received:\nssh: connect to host web port 22: Connection refused")
    outcomes = crowd.finish()
    assert len(outcomes) == 50
    assert {type(outcome) for outcome in outcomes} == {ConnectFailed}
    assert {str(outcome) for outcome in outcomes} == {"ssh: connect to host web port 22: Connection refused"}
    assert len(stage.router.connected) == 1
    assert stage.service.connected(WEB) is None
    assert stage.host().alive
    assert stage.service.context_statistics().connected == 1


# -- ahead of those who wait


def connected_ahead(stage: Stage) -> Uses:
    """Have a task begin to connect; return when that is over."""
    uses = Uses()
    stage.service.connect_ahead(WEB, ["python3"], uses)
    stage.service.connect_ahead(WEB, ["python3"], uses)
    uses.ahead[WEB].future.exception(PATIENCE_S)
    return uses


def test_who_began_to_connect_waits_for_that_attempt(stage: Stage) -> None:
    uses = connected_ahead(stage)
    assert stage.service.host(WEB, ["python3"], uses=uses) is stage.host()
    assert stage.service.context_statistics().attempts == 1


def test_an_attempt_ahead_that_has_failed_is_the_tasks_answer_once(stage: Stage) -> None:
    stage.fail("Permission denied (publickey).")
    uses = connected_ahead(stage)
    with pytest.raises(ConnectFailed, match="Permission denied"):
        stage.service.host(WEB, ["python3"], uses=uses)
    assert stage.service.context_statistics().attempts == 1, "nobody logs in twice for one question"
    assert stage.service.host(WEB, ["python3"], uses=uses).alive
    assert stage.service.context_statistics().attempts == 2


def test_what_was_connected_ahead_is_the_tasks_until_its_end(stage: Stage) -> None:
    uses = connected_ahead(stage)
    link = uses.ahead[WEB]
    assert link.users == 1
    stage.service.host(WEB, ["python3"], uses=uses)
    assert link.users == 1
    uses.end()
    assert link.users == 0


def test_nothing_is_begun_for_who_is_connected(stage: Stage) -> None:
    host = stage.host()
    assert stage.service.host(WEB, ["python3"], uses=connected_ahead(stage)) is host
    assert len(stage.router.connected) == 1


def test_identities_do_not_wait_for_each_other(stage: Stage) -> None:
    crowd = Crowd(stage, 1)
    stage.router.gate = lambda: None
    other = stage.service.host(Identity(SshLogin(host="other", argv=("ssh", "other"), password=None)), ["python3"])
    assert other.alive
    [host] = crowd.finish()
    assert host is not other


def test_connected_tells_only_of_those_who_are(stage: Stage) -> None:
    assert stage.service.connected(WEB) is None
    crowd = Crowd(stage, 1)
    assert stage.service.connected(WEB) is None
    assert stage.service.context_statistics().connected == 0
    [host] = crowd.finish()
    assert stage.service.connected(WEB) is host


def test_what_ssh_is_given(stage: Stage) -> None:
    login = SshLogin(host="web", argv=("ssh", "-p", "1", "web"), password="secret", timeout_s=7)
    stage.host(Identity(login))
    [(kind, options)] = stage.router.connected
    assert kind is SshConnection
    assert (options["argv"], options["password"], options["unidirectional"]) == (login.argv, "secret", True)
    assert options["connect_timeout"] > 7
    assert options["python_path"][:2] == ["/bin/sh", "-c"]


def test_what_the_agent_is_told_and_tells(stage: Stage) -> None:
    host = stage.service.host(Identity(LocalLogin()), ("/x/python", "python3"))
    [(kind, options)] = stage.router.connected
    assert kind is LocalConnection
    [context] = stage.born
    assert context is stage.router.contexts[0] is host.context
    boot = options["boot"]
    assert boot.agent["candidates"] == ["/x/python", "python3"]
    assert (boot.digest, boot.archive, boot.cache) == ("digest-1", b"packed-1", "~/.cache/ansible_svc")
    assert host.facts is context.svc_facts


# -- become


def test_become_goes_through_the_login_which_is_shared(stage: Stage) -> None:
    root = stage.host(ROOT)
    login = stage.service.connected(WEB)
    assert login is not None
    [(context, arguments)] = stage.becoming
    assert context is login.context
    options = arguments["options"]
    assert (options["username"], options["sudo_path"], options["sudo_args"]) == ("root", "sudo", ["-H"])
    assert options["password"] == "secret"
    assert "/usr/bin/python3" in options["python_path"][2]
    assert (arguments["digest"], arguments["packed"]) == ("digest-2", b"packed-2")
    assert root.facts["pid"] == root.context.context_id == arguments["context_id"]
    assert stage.born == [login.context, root.context]
    assert stage.host() is login
    assert stage.host(ROOT) is root
    assert len(stage.router.connected) == 2


@pytest.mark.parametrize("forgetful", [False, True])
def test_a_host_with_a_warm_cache_is_sent_the_code_for_becoming_only_if_it_lacks_it(
    stage: Stage, forgetful: bool
) -> None:
    login = stage.host()
    login.context.svc_facts["warm"] = True
    if forgetful:
        stage.forgetful.add(login.context.context_id)
    assert stage.host(ROOT).alive
    sent = [arguments["packed"] for _context, arguments in stage.becoming]
    assert sent == ([b"", b"packed-2"] if forgetful else [b""])


@pytest.mark.parametrize(
    ("text", "kind", "words"),
    [
        (mitogen.sudo.password_required_msg, PasswordMissing, mitogen.sudo.password_required_msg),
        (mitogen.sudo.password_incorrect_msg, PasswordWrong, mitogen.sudo.password_incorrect_msg),
        (f"x {mitogen.sudo.password_incorrect_msg} y", PasswordWrong, mitogen.sudo.password_incorrect_msg),
        (f"{EOF}sudo: unknown user: nobody-here\n", BecomeFailed, "sudo: unknown user: nobody-here"),
        (f"{EOF}{NO_PYTHON}\n", NoPython, NO_PYTHON),
        (f"{EOF}sudo: a password is required\n", BecomeFailed, "sudo: a password is required"),
        ("something else", BecomeFailed, "something else"),
        (EOF, BecomeFailed, EOF),
    ],
)
def test_a_become_failure(stage: Stage, text: str, kind: type[Exception], words: str) -> None:
    stage.host()
    stage.fail(text)
    with pytest.raises(kind) as caught:
        stage.host(ROOT)
    assert type(caught.value) is kind
    assert str(caught.value) == words
    assert stage.service.connected(WEB) is not None
    assert stage.host(ROOT).alive


def test_a_login_that_fails_is_the_failure_of_becoming(stage: Stage) -> None:
    stage.fail("denied")
    with pytest.raises(ConnectFailed, match="denied"):
        stage.host(ROOT)
    assert stage.host(ROOT).alive


# -- retries


@pytest.mark.parametrize(("retries", "pauses"), [(0, []), (1, [0]), (3, [0, 1, 3]), (8, [0, 1, 3, 7, 15, 30, 30, 30])])
def test_retries_pause_like_ansible_cores(stage: Stage, retries: int, pauses: list[float]) -> None:
    identity = Identity(SshLogin(host="web", argv=("ssh",), password=None, retries=retries))
    stage.fail(*(f"failure {number}" for number in range(retries + 1)))
    with pytest.raises(ConnectFailed, match=f"failure {retries}"):
        stage.host(identity)
    assert stage.pauses == pauses
    assert stage.service.context_statistics().attempts == len(stage.router.connected) == retries + 1


def test_retries_end_with_success(stage: Stage) -> None:
    identity = Identity(SshLogin(host="web", argv=("ssh",), password=None, retries=5))
    stage.fail("one", "two")
    assert stage.host(identity).alive
    assert (stage.pauses, len(stage.router.connected)) == ([0, 1], 3)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"{EOF}{NO_PYTHON}", NoPython),
        (f"{EOF}Welcome\n{NO_PYTHON}\nbye", NoPython),
        (HOST_KEY_QUESTION, HostKeyUnknown),
    ],
)
def test_failures_of_a_login(stage: Stage, text: str, kind: type[Exception]) -> None:
    stage.fail(text)
    with pytest.raises(kind) as caught:
        stage.host()
    assert type(caught.value) is kind


def test_a_host_without_python_is_not_tried_again(stage: Stage) -> None:
    identity = Identity(SshLogin(host="web", argv=("ssh",), password=None, retries=3))
    stage.fail(f"{EOF}{NO_PYTHON}")
    with pytest.raises(NoPython):
        stage.host(identity)
    assert (stage.pauses, len(stage.router.connected)) == ([], 1)


def test_a_message_that_only_mentions_python_is_a_failed_connection(stage: Stage) -> None:
    stage.fail(f"{EOF}motd: if you see '{NO_PYTHON}', call us")
    with pytest.raises(ConnectFailed):
        stage.host()


# -- losing connections


def test_a_lost_connection_leaves_the_table(stage: Stage) -> None:
    first = stage.host()
    mitogen.core.fire(first.context, "disconnect")
    assert not first.alive
    assert stage.service.connected(WEB) is None
    statistics = stage.service.context_statistics()
    assert (statistics.connected, statistics.lost) == (0, 1)
    second = stage.host()
    assert second is not first
    mitogen.core.fire(first.context, "disconnect")
    assert stage.host() is second
    assert stage.service.context_statistics().lost == 1


def test_a_connection_that_is_lost_at_once_is_not_kept(stage: Stage) -> None:
    stage.router.lost.add(1)
    with pytest.raises(ConnectFailed):
        stage.host()
    assert stage.service.connected(WEB) is None
    assert stage.host().alive


def test_forget_disconnects_a_login_and_what_was_reached_through_it(stage: Stage) -> None:
    root, login = stage.host(ROOT), stage.host()
    other = stage.service.host(Identity(SshLogin(host="other", argv=("ssh", "other"), password=None)), ["python3"])
    order: list[Context] = []
    for host in (root, login, other):
        mitogen.core.listen(host.context, "disconnect", lambda host=host: order.append(host.context))
    stage.service.forget(LOGIN)
    assert order == [root.context, login.context]
    assert (root.alive, login.alive, other.alive) == (False, False, True)
    assert stage.service.context_statistics().lost == 0
    assert stage.host() is not login


def test_log_out_ends_a_become_user_and_waits_for_its_processes(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Host, str, dict[str, Any]]] = []
    monkeypatch.setattr(Host, "call", lambda host, method, **arguments: asked.append((host, method, arguments)))
    root, login = stage.host(ROOT), stage.host()
    other = stage.host(Identity(LOGIN, Sudo(user="other", executable="sudo", flags=(), password=None)))
    stage.service.log_out(LOGIN, "root")
    assert [host.context.shut_down for host in (root, login, other)] == [1, 0, 0]
    assert [(host, method, arguments["pid"]) for host, method, arguments in asked] == [
        (login, "wait_gone", root.facts["pid"])
    ]
    assert stage.service.connected(ROOT) is None
    stage.service.log_out(LOGIN, "nobody")
    assert len(asked) == 1


def test_a_host_that_does_not_answer_is_not_waited_for(stage: Stage) -> None:
    root, login = stage.host(ROOT), stage.host()
    login.context.answers = False
    stage.service.forget(LOGIN)
    assert stage.clients_ended == [login.context]
    assert stage.forgotten == [root.context, login.context]
    assert stage.host() is not login


def test_forget_of_what_is_not_there_does_nothing(stage: Stage) -> None:
    stage.service.forget(LOGIN)
    stage.service.forget(LocalLogin())


@pytest.mark.parametrize("succeeds", [True, False])
def test_forget_during_an_attempt_leaves_nobody_waiting(stage: Stage, succeeds: bool) -> None:
    crowd = Crowd(stage, 5)
    stage.service.forget(LOGIN)
    if not succeeds:
        stage.fail("denied")
    outcomes = crowd.finish()
    assert len(outcomes) == 5
    new = stage.host()
    for outcome in outcomes:
        if isinstance(outcome, Host) and outcome is not new:
            mitogen.core.fire(outcome.context, "disconnect")
    assert stage.host() is new


def test_the_first_of_many_who_gives_up_unwillingly_disturbs_nobody(stage: Stage) -> None:
    """Whatever ends the attempt ends the waiting."""
    crowd = Crowd(stage, 5)
    stage.router.failures.append(KeyboardInterrupt())
    outcomes = crowd.finish()
    assert {type(outcome) for outcome in outcomes} == {KeyboardInterrupt}
    assert stage.host().alive


# -- waiting


def test_who_stops_waiting_disturbs_neither_the_attempt_nor_the_others(stage: Stage) -> None:
    crowd = Crowd(stage, 3)

    def give_up(attempt: Attempt) -> Host:
        with pytest.raises(DeadlineExceededError):
            attempt.result(0.01)
        attempt.cancel()
        return attempt.result()

    with pytest.raises(CancelledError):
        stage.service.host(WEB, ["python3"], give_up)
    hosts = crowd.finish()
    assert len(set(map(id, hosts))) == len(stage.router.connected) == 1
    assert stage.service.host(WEB, ["python3"], give_up) is hosts[0], "there was something to wait for"


def test_an_attempt_that_ends_with_a_timeout_of_its_own_tells_that(stage: Stage) -> None:
    crowd = Crowd(stage, 2)
    stage.router.failures.append(TimeoutError("the program was too slow"))
    assert [str(outcome) for outcome in crowd.finish()] == ["the program was too slow"] * 2


def test_no_attempt_follows_the_end(stage: Stage) -> None:
    identity = Identity(SshLogin(host="web", argv=("ssh",), password=None, retries=5))
    stage.service.on_shutdown()
    stage.fail("one", "two")
    with pytest.raises(ConnectFailed, match="one"):
        stage.host(identity)
    assert len(stage.router.connected) == 1


# more hosts than may be connected at a time


def _hosts(count: int) -> list[Identity]:
    return [Identity(SshLogin(host=f"h{number}", argv=("ssh", f"h{number}"), password=None)) for number in range(count)]


def test_an_idle_login_makes_room(stage: Stage) -> None:
    first, second, third = _hosts(3)
    stage.service.most = 2
    connected = [stage.host(first), stage.host(second)]
    assert stage.service.context_statistics().closed == 0
    stage.host(third)
    statistics = stage.service.context_statistics()
    assert (statistics.connected, statistics.closed, statistics.lost) == (2, 1, 0)
    gone = [host for host in connected if not host.alive]
    assert stage.forgotten == [host.context for host in gone]
    assert [host.context.shut_down for host in connected].count(1) == len(gone) == 1
    assert stage.service.connected(gone[0].identity) is None
    assert stage.host(gone[0].identity) is not gone[0], "its next task connects anew"


def test_what_a_task_works_with_stays_connected(stage: Stage) -> None:
    """Also when nothing else can make room: then there are more than there may be."""
    first, second, third = _hosts(3)
    stage.service.most = 1
    working = Uses()
    held = [stage.service.host(identity, ["python3"], uses=working) for identity in (first, second, first)]
    stage.host(third)
    assert all(host.alive for host in held)
    assert stage.service.context_statistics().connected == 3
    working.end()
    stage.host(_hosts(4)[3])
    statistics = stage.service.context_statistics()
    assert (statistics.connected, statistics.closed) == (1, 3)


def test_a_login_stays_while_a_task_works_as_somebody_else_there(stage: Stage) -> None:
    stage.service.most = 1
    working = Uses()
    root = stage.service.host(ROOT, ["python3"], uses=working)
    other, another = _hosts(2)
    stage.host(other)
    assert root.alive
    assert stage.service.connected(WEB) is not None
    working.end()
    stage.host(another)
    assert not root.alive
    assert stage.service.connected(WEB) is None
    assert [context.shut_down for context in stage.router.contexts] == [1, 1, 1, 0]
    assert stage.service.context_statistics().closed == 2, "connections, not users"


def test_the_controller_itself_takes_no_room(stage: Stage) -> None:
    stage.service.most = 1
    local = stage.host(Identity(LocalLogin()))
    assert stage.host().alive
    assert local.alive


def test_the_limit_of_open_files_counts_as_well(stage: Stage) -> None:
    stage.room = 2
    for identity in _hosts(4):
        stage.host(identity)
    statistics = stage.service.context_statistics()
    assert (statistics.connected, statistics.closed) == (2, 2)


# sessions that are outdated


def test_a_new_connection_takes_the_place_of_one_that_is_outdated(stage: Stage) -> None:
    working = Uses()
    old = stage.service.host(WEB, ["python3"], uses=working)
    stage.service.renew(old)
    new = stage.host()
    assert new is not old
    assert (old.alive, new.alive) == (True, True), "a task works with the old one"
    stage.service.renew(old)
    assert stage.host() is new, "only its own place is taken"
    working.end()
    stage.host(_hosts(1)[0])
    assert (old.alive, old.context.shut_down) == (False, 1)
    assert (new.alive, stage.service.context_statistics().lost) == (True, 0)


def test_an_outdated_login_stays_while_somebody_is_connected_through_it(stage: Stage) -> None:
    root, login = stage.host(ROOT), stage.host()
    stage.service.renew(login)
    assert stage.host() is not login
    first, second = _hosts(2)
    stage.host(first)
    assert login.alive
    assert stage.host(ROOT) is root
    stage.service.renew(root)
    assert stage.host(ROOT) is not root
    stage.host(second)
    assert not login.alive
    assert not root.alive
    order = [context for context in stage.forgotten if context in (root.context, login.context)]
    assert order == [root.context, login.context]


def test_an_outdated_connection_is_reset_as_well(stage: Stage) -> None:
    working = Uses()
    old = stage.service.host(WEB, ["python3"], uses=working)
    stage.service.renew(old)
    new = stage.host()
    stage.service.forget(LOGIN)
    assert (old.alive, new.alive) == (False, False)
    working.end()


def test_an_outdated_connection_that_is_lost(stage: Stage) -> None:
    working = Uses()
    old = stage.service.host(WEB, ["python3"], uses=working)
    stage.service.renew(old)
    mitogen.core.fire(old.context, "disconnect")
    assert stage.service.context_statistics().lost == 1
    working.end()
    stage.host()
    assert old.context.shut_down == 0, "there is nothing to be closed"
