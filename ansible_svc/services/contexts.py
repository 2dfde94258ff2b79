# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""ContextService: one connection for every distinct identity, however many tasks ask for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeVar

import mitogen.core
import mitogen.parent
import mitogen.sudo

from ansible_svc.compat.router_state import forget_context
from ansible_svc.errors import Error
from ansible_svc.names import BECOME_SERVICE
from ansible_svc.service import Service, born_with_pool, call
from ansible_svc.services.attempt import Attempt
from ansible_svc.services.host import Host
from ansible_svc.services.links import Link, Links, Uses
from ansible_svc.target.booting import Boot
from ansible_svc.target.session import SSH, SUDO
from ansible_svc.transport.archives import AgentCode, Archive, agent_code, become_archive
from ansible_svc.transport.boot import NO_PYTHON, CacheOptions, interpreter_argv
from ansible_svc.transport.failures import (
    BecomeFailed,
    BecomeTimeout,
    ConnectFailed,
    HostKeyUnknown,
    NoPython,
    NotStarted,
    PasswordMissing,
    PasswordWrong,
)
from ansible_svc.transport.identity import Identity, LocalLogin, SshLogin, Sudo
from ansible_svc.transport.local import LocalConnection
from ansible_svc.transport.process import end_client
from ansible_svc.transport.ssh import HOST_KEY_QUESTION, SshConnection

# Of which packages services may be activated on a host, and how many threads its Pool has.
_ACTIVATED = ("ansible_svc",)
_AGENT_THREADS = 4
_BOOT_TIMEOUT_S = 60.0
_PROCESS_END_S = 10
_FAREWELL_S = 3.0
_EOF_PREFIX = "EOF on stream; last 100 lines received:\n"
_LONGEST_PAUSE_S = 30

Packed = TypeVar("Packed", AgentCode, Archive)


class ContextStatistics(NamedTuple):
    """Connections so far.

    Attributes:
        attempts: connection attempts made, retries included.
        connected: hosts that are connected now.
        lost: connections that ended before the run did.
        closed: connections that were closed to make room for others.
    """

    attempts: int
    connected: int
    lost: int
    closed: int


class ContextService(Service):
    """Connect to hosts and remember the connections.

    Attributes:
        cache: where agents keep code, and this controller what it makes for them.
        most: how many logins over ssh are to be connected at a time; 0: as many as the limit of open files allows. More
            are when tasks work with more at the same time.

    Threads: any. An attempt runs on a thread of its own, so that whoever waits for it can stop waiting.
    Guarded by ``_lock``: the counters. Guarded by ``_packing``: what was packed for hosts. Links are forgotten when an
    attempt fails or the connection is lost, so the next task tries again.
    """

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self._router = router
        self._lock = threading.Lock()
        self._links = Links()
        self._attempts = 0
        self._lost = 0
        self._closed = 0
        self._ended = threading.Event()
        self._packed: dict[Any, Any] = {}
        self._packing = threading.Lock()
        self.cache = CacheOptions()
        self.most = 0

    def on_shutdown(self) -> None:
        """Let no attempt be made again."""
        self._ended.set()

    def host(
        self,
        identity: Identity,
        candidates: Sequence[str],
        wait: Callable[[Attempt], Host] = Attempt.result,
        uses: Uses | None = None,
    ) -> Host:
        """Return the connected host of an identity.

        Parameters:
            identity: where to and as whom.
            candidates: interpreters to look for on the host, in order.
            wait: waits for the attempt if there is one to wait for, and returns its result.
            uses: those of the task that works with it.

        Raises ConnectFailed, BecomeFailed or NoPython (see transport.failures), and whatever wait() raises.
        """
        link = self._claim(identity, candidates, uses)
        return link.future.result() if link.future.done() else wait(Attempt(link.future))

    def connect_ahead(self, identity: Identity, candidates: Sequence[str], uses: Uses) -> None:
        """Begin to connect, for a task that will ask for that host in a moment; see ``host``.

        The agent's archive is made before that, not by the attempt: it and the caller would keep each other waiting.
        """
        if identity not in uses.ahead:
            self._pack(agent_code)
            uses.ahead[identity] = self._claim(identity, candidates, uses)

    def _claim(self, identity: Identity, candidates: Sequence[str], uses: Uses | None) -> Link:
        """Return the link of an identity; an attempt to connect is under way then, unless it is over."""
        link, new = self._links.claim(identity, uses)
        if new:
            attempt = (identity, candidates, link)
            threading.Thread(target=self._attempt, args=attempt, name="svc-connect", daemon=True).start()
        return link

    def _attempt(self, identity: Identity, candidates: Sequence[str], link: Link) -> None:
        try:
            self._close_outdated()
            host = self._connect(identity, candidates, link)
        except BaseException as error:
            self._links.drop(identity, link)
            link.future.set_exception(error)
        else:
            link.future.set_result(host)

    def connected(self, identity: Identity) -> Host | None:
        """Return the host of an identity when it is connected already."""
        return self._links.connected(identity)

    def forget(self, login: SshLogin | LocalLogin) -> None:
        """Disconnect a login and everything that was reached through it; the next task connects anew."""
        self._disconnect(self._links.take(lambda identity: identity.login == login))

    def log_out(self, login: SshLogin | LocalLogin, user: str) -> None:
        """Disconnect what has become a user after a login, and wait until its processes are gone from the host."""
        hosts = self._links.take(
            lambda identity: identity.login == login and identity.become is not None and identity.become.user == user
        )
        for host in hosts:
            self._disconnect([host])
            login_host = self.connected(Identity(login))
            if login_host is not None:
                login_host.call(
                    "wait_gone",
                    timeout_s=_PROCESS_END_S + _FAREWELL_S,
                    pid=host.facts["pid"],
                    seconds=_PROCESS_END_S,
                )

    def renew(self, host: Host) -> None:
        """Have the next who asks for a host's identity get a new connection; see target/session.py.

        The old one is closed when no task works with it, and nothing that was reached through it is connected any
        longer.
        """
        self._links.outdate(host)

    def _disconnect(self, hosts: Sequence[Host]) -> None:
        """Disconnect hosts of one login, those first that were reached through it.

        A host that does not answer, because it is being rebooted or its network is gone, is not waited for: its ssh
        client is ended.
        """
        for host in sorted(hosts, key=lambda host: host.identity.become is None):
            farewell = host.context.shutdown(wait=False)
            try:
                farewell.get(timeout=_FAREWELL_S)
            except mitogen.core.TimeoutError:
                end_client(self._router, host.context)
            forget_context(self._router, host.context)

    def _close_outdated(self) -> None:
        while hosts := self._links.take_outdated():
            self._disconnect(hosts)

    def _make_room(self) -> None:
        """Disconnect logins that no task works with while there are more than there may be."""
        while hosts := self._links.take_surplus(self.most):
            with self._lock:
                self._closed += 1
            self._disconnect(hosts)

    def context_statistics(self) -> ContextStatistics:
        """Return the counters."""
        connected = self._links.count()
        with self._lock:
            return ContextStatistics(self._attempts, connected, self._lost, self._closed)

    def _connect(self, identity: Identity, candidates: Sequence[str], link: Link) -> Host:
        if identity.become is not None:
            login = self.host(Identity(identity.login), candidates)
            context = self._become(login, identity, candidates)
        elif isinstance(identity.login, LocalLogin):
            with self._lock:
                self._attempts += 1
            context = self._router._connect(
                LocalConnection,
                name="local",
                boot=self._boot(candidates, packed=False, began=""),
                remote_name="ansible-svc",
                connect_timeout=_BOOT_TIMEOUT_S,
                unidirectional=True,
            )
        else:
            self._make_room()
            context = self._ssh_with_retries(identity.login, candidates)
        born_with_pool(context)
        login_host = self.connected(Identity(identity.login)) if identity.become is not None else None
        host = Host(identity, context, context.svc_facts, login_host)
        mitogen.core.listen(context, "disconnect", lambda: self._on_lost(host, link))
        if self._router.stream_by_id(context.context_id) is None:  # lost before anybody listened
            raise ConnectFailed(f"Connection to {identity.login.host} closed.")
        return host

    def _boot(self, candidates: Sequence[str], packed: bool, began: str) -> Boot:
        """Return what agents are booted with; see ``_pack`` for what they run.

        Parameters:
            candidates: see ``host``.
            packed: make messages small, since there is a network in between.
            began: see target.session.
        """
        code = self._pack(agent_code)
        return Boot(
            code.first_stage,
            code.archive.digest,
            code.archive.packed,
            self.cache.directory,
            self._settings(candidates, packed, began),
        )

    def _pack(self, make: Callable[[str | None], Packed]) -> Packed:
        """Return what one of transport.archives' functions makes, which is made once."""
        with self._packing:
            if make not in self._packed:
                self._packed[make] = make(self.cache.directory)
            made: Packed = self._packed[make]
            return made

    def _settings(self, candidates: Sequence[str], packed: bool, began: str) -> dict[str, Any]:
        return {
            "packed": packed,
            "began": began,
            "candidates": list(candidates),
            "packages": list(_ACTIVATED),
            "threads": _AGENT_THREADS,
            "cache_bytes": self.cache.size_bytes,
        }

    def _on_lost(self, host: Host, link: Link) -> None:
        if self._links.lost(host, link):
            with self._lock:
                self._lost += 1

    def _ssh_with_retries(self, login: SshLogin, candidates: Sequence[str]) -> Any:
        """Try as often and with the same pauses as ansible-core's ssh plugin (its _ssh_retry)."""
        for attempt in range(login.retries + 1):
            try:
                return self._ssh(login, candidates)
            except ConnectFailed:
                if attempt == login.retries:
                    raise
                if self._ended.wait(min(2**attempt - 1, _LONGEST_PAUSE_S)):
                    raise
        raise AssertionError("unreachable")

    def _ssh(self, login: SshLogin, candidates: Sequence[str]) -> Any:
        with self._lock:
            self._attempts += 1
        try:
            return self._router._connect(
                SshConnection,
                name=f"ssh.{login.host}",
                boot=self._boot(candidates, packed=True, began=SSH),
                argv=login.argv,
                password=login.password,
                prompt=login.prompt,
                python_path=interpreter_argv(candidates),
                remote_name="ansible-svc",
                connect_timeout=login.timeout_s + _BOOT_TIMEOUT_S,
                unidirectional=True,
            )
        except mitogen.core.StreamError as error:
            text = str(error).removeprefix(_EOF_PREFIX).strip()
            if NO_PYTHON in text.splitlines():
                raise NoPython(NO_PYTHON) from None
            if text.startswith("Child start failed"):
                raise NotStarted(login.argv[0]) from error.__context__
            if text == HOST_KEY_QUESTION:
                raise HostKeyUnknown(text) from None
            raise ConnectFailed(text) from None

    def _become(self, login: Host, identity: Identity, candidates: Sequence[str]) -> Any:
        """Have a login's agent start one as another user; its code comes from there."""
        become = identity.become
        assert become is not None
        archive = self._pack(become_archive)
        number = self._router.allocate_id()
        options = {
            "username": become.user,
            "sudo_path": become.executable,
            "sudo_args": list(become.flags),
            "password": become.password,
            "python_path": _become_interpreter(become, candidates, login.facts["python"]),
            "connect_timeout": identity.login.become_timeout_s,
            "boot_timeout": _BOOT_TIMEOUT_S,
        }
        # What the login's cache had when it was booted it has for this too, most likely.
        for packed in (b"", archive.packed) if login.facts["warm"] else (archive.packed,):
            answer = call(
                login.context,
                BECOME_SERVICE,
                "become",
                context_id=number,
                digest=archive.digest,
                packed=packed,
                cache=self.cache.directory,
                agent=self._settings(candidates, packed=False, began=SUDO),
                options=options,
            )
            if "missing" not in answer:
                break
        if "facts" not in answer:
            raise _become_failure(answer["failure"])
        context = self._router.context_by_id(number, via_id=login.context.context_id)
        context.svc_facts = answer["facts"]
        return context


def _become_interpreter(become: Sudo, candidates: Sequence[str], python: str) -> list[str]:
    """Return the words that start an interpreter as the other user.

    With -i a login shell reads them; sudo protects them from it, except for dollar signs, so no shell script will do.
    """
    if any(word.startswith("-") and not word.startswith("--") and "i" in word for word in become.flags):
        return [python]
    return interpreter_argv([*candidates, python])


def _become_failure(text: str) -> Error:
    """Return the failure that a text of mitogen's sudo method means (mitogen/sudo.py has the two messages)."""
    if mitogen.sudo.password_required_msg in text:
        return PasswordMissing(mitogen.sudo.password_required_msg)
    if mitogen.sudo.password_incorrect_msg in text:
        return PasswordWrong(mitogen.sudo.password_incorrect_msg)
    if mitogen.parent.Router.connection_timeout_msg in text:
        return BecomeTimeout(text)
    written = text.partition(_EOF_PREFIX)[2].strip() or text
    return NoPython(NO_PYTHON) if NO_PYTHON in written.splitlines() else BecomeFailed(written)
