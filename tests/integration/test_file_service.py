# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Files between a controller and hosts behind a real sshd."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import mitogen.core
import mitogen.master
import pytest

from ansible_svc.errors import CancelledError, DisconnectedError
from ansible_svc.service import AllowAny, Pool, Request, call, call_async, configure_children, expose
from ansible_svc.services.files import FileOffer, FileService
from ansible_svc.services.files_download import download
from ansible_svc.store import (
    DigestMismatchError,
    FileAccessError,
    NotGrantedError,
    SourceChangedError,
    digest_file,
)
from ansible_svc.target.blobs import CHUNK_BYTES
from tests.lab import Lab
from tests.lab.lab import LabHost

AGENT = "tests.integration.file_agent.FileAgent"
MIB = 1024 * 1024


class WatchedFileService(FileService):
    """Show a test each request before it is served, and each chunk before it is sent."""

    def __init__(self, router: Any, **sizes: int) -> None:
        super().__init__(router, **sizes)
        self.before: Callable[[int, int], None] = lambda _host, _offset: None
        self.alter: Callable[[bytes], bytes] = lambda chunk: chunk

    @classmethod
    def name(cls) -> str:
        return FileService.name()

    @expose(policy=AllowAny(), wants_request=True)
    def fetch(self, digest: str, offset: int, length: int, request: Request) -> bytes:
        self.before(request.caller_id, offset)
        return self.alter(super().fetch(digest=digest, offset=offset, length=length, request=request))


class Controller:
    """Run a broker, a router and a Pool with a file service; connect to hosts of the lab."""

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        # The watcher would end the broker with the main thread; `close` does that here.
        self.broker = mitogen.master.Broker(install_watcher=False)
        self.router = mitogen.master.Router(self.broker)
        self.files = WatchedFileService(self.router)
        self.pool = Pool(self.router, [self.files])
        configure_children(self.router, packages=("ansible_svc", "tests"))

    def connect(self, count: int, user: str | None = None, python: str = sys.executable) -> list[Host]:
        return [Host(self, host, user or self.lab.user, python) for host in self.lab.hosts(count)]

    def close(self) -> None:
        self.pool.close()
        self.broker.shutdown()
        self.broker.join()


class Host:
    """Be one connected host with an agent."""

    def __init__(self, controller: Controller, host: LabHost, user: str, python: str) -> None:
        self.directory = host.workdir / "files"
        if not self.directory.exists():
            self.directory.mkdir()
        for left in self.directory.iterdir():
            left.unlink()
        self.context = controller.router.ssh(
            hostname=host.address,
            port=controller.lab.sshd.port,
            username=user,
            identity_file=str(controller.lab.sshd.client_key),
            ssh_args=["-o", f"UserKnownHostsFile={controller.lab.sshd.known_hosts}"],
            check_host_keys="enforce",
            compression=False,
            python_path=python,
        )
        self.id: int = self.context.context_id
        self.ask = partial(call_async, self.context, AGENT)
        self.pid: int = call(self.context, AGENT, "pid")

    def write(self, offer: FileOffer, name: str = "file", **options: Any) -> Any:
        path = str(self.directory / name)
        return self.ask("write_file", path=path, digest=offer.digest, size=offer.size, **options)

    def unfinished_files(self) -> list[str]:
        """Return what the agent has open below its directory."""
        found = []
        for link in Path(f"/proc/{self.pid}/fd").iterdir():
            try:
                target = str(link.readlink())
            except FileNotFoundError:
                continue  # closed since it was listed
            if target.startswith(f"{self.directory}/"):
                found.append(target)
        return found


@pytest.fixture(scope="module", autouse=True)
def idle_sockets() -> None:
    """Have mitogen make the pair of sockets that it keeps for the next thread that waits for a latch."""
    with pytest.raises(mitogen.core.TimeoutError):
        mitogen.core.Latch().get(timeout=0.001)


@pytest.fixture
def controller(lab: Lab) -> Iterator[Controller]:
    controller = Controller(lab)
    try:
        yield controller
    finally:
        controller.close()


def make_file(path: Path, size: int) -> Path:
    block = os.urandom(MIB + 17)  # no two chunks are the same
    with path.open("wb") as stream:
        while size > 0:
            size -= stream.write(block[:size])
    moment = path.stat().st_mtime - 10
    os.utime(path, (moment, moment))
    return path


def wait_until(condition: Callable[[], bool], timeout_s: float = 20) -> None:
    limit = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < limit
        time.sleep(0.01)


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def test_ten_hosts_get_a_file_that_is_read_once(controller: Controller, tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", MIB)
    hosts = controller.connect(10)
    start = threading.Barrier(10)
    failures: list[BaseException] = []

    def task(host: Host) -> None:
        try:
            start.wait(10)
            offer = controller.files.offer(str(source))
            with controller.files.granted(host.id, offer.digest):
                host.write(offer, mode=0o640).result()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=task, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    for host in hosts:
        assert (host.directory / "file").read_bytes() == source.read_bytes()
        assert (host.directory / "file").stat().st_mode & 0o7777 == 0o640
        assert os.listdir(host.directory) == ["file"]
    statistics = controller.files.statistics()
    assert (statistics.files_read, statistics.blocks_read, statistics.bytes_read) == (1, 0, MIB)
    assert (statistics.files_served, statistics.bytes_served) == (10, 10 * MIB)
    assert (statistics.grants, statistics.refused) == (0, 0)


def test_a_host_gets_nothing_that_was_not_meant_for_it(controller: Controller, tmp_path: Path) -> None:
    offer = controller.files.offer(str(make_file(tmp_path / "source", 1000)))
    mine, other = controller.connect(2)
    with controller.files.granted(mine.id, offer.digest):
        with pytest.raises(NotGrantedError) as refused:
            other.write(offer).result()
        assert isinstance(refused.value, PermissionError)
        mine.write(offer).result()
    with pytest.raises(NotGrantedError):
        mine.write(offer, name="again").result()
    assert os.listdir(mine.directory) == ["file"]
    assert os.listdir(other.directory) == []
    assert controller.files.statistics().refused == 2


def test_a_host_that_dies_disturbs_no_other_and_leaves_nothing(controller: Controller, tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 24 * MIB)
    offer = controller.files.offer(str(source))
    victim, *others = controller.connect(3)
    reached: dict[int, int] = {}

    def before(host_id: int, offset: int) -> None:
        reached[host_id] = max(reached.get(host_id, 0), offset)
        if host_id == victim.id and offset == 12 * MIB:
            os.kill(victim.pid, signal.SIGKILL)

    controller.files.before = before
    with ExitStack() as grants:
        for host in (victim, *others):
            grants.enter_context(controller.files.granted(host.id, offer.digest))
        calls = [host.write(offer) for host in (victim, *others)]
        with pytest.raises(DisconnectedError):
            calls[0].result()
        for outstanding in calls[1:]:
            outstanding.result()
    assert 12 * MIB <= reached[victim.id] < 24 * MIB - CHUNK_BYTES
    assert os.listdir(victim.directory) == []
    for host in others:
        assert digest_file(host.directory / "file") == offer.digest
    assert controller.files.statistics().grants == 0
    with controller.files.granted(others[0].id, offer.digest):
        others[0].write(offer, name="again").result()


def test_content_that_was_altered_on_its_way_is_refused(controller: Controller, tmp_path: Path) -> None:
    offer = controller.files.offer(str(make_file(tmp_path / "source", 3 * CHUNK_BYTES)))
    (host,) = controller.connect(1)
    (host.directory / "file").write_bytes(b"before")
    controller.files.alter = lambda chunk: chunk[:-1] + bytes([chunk[-1] ^ 1])
    with controller.files.granted(host.id, offer.digest), pytest.raises(DigestMismatchError, match=offer.digest):
        host.write(offer).result()
    with pytest.raises(DigestMismatchError):
        host.write(offer, content=b"something else").result()
    assert (host.directory / "file").read_bytes() == b"before"
    assert os.listdir(host.directory) == ["file"]


def test_a_large_file_takes_little_memory(controller: Controller, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.touch()
    os.truncate(source, 300 * MIB)
    hosts = controller.connect(4)
    offer = controller.files.offer(str(source))
    for host in hosts:
        controller.files.grant(host.id, offer.digest)
    before = resident_bytes()
    most = before

    def sample(_host: int, _offset: int) -> None:
        nonlocal most
        most = max(most, resident_bytes())

    controller.files.before = sample
    for outstanding in [host.write(offer) for host in hosts]:
        outstanding.result()
    assert most - before < 40 * MIB
    assert controller.files.statistics().bytes_served == 4 * 300 * MIB
    for host in hosts:
        assert (host.directory / "file").stat().st_size == 300 * MIB
        (host.directory / "file").unlink()


@pytest.mark.parametrize("place", ["missing/file", "directory"])
def test_a_place_that_cannot_be_written_is_named(controller: Controller, tmp_path: Path, place: str) -> None:
    offer = controller.files.offer(str(make_file(tmp_path / "source", 1000)))
    (tmp_path / "directory").mkdir()
    (host,) = controller.connect(1)
    with controller.files.granted(host.id, offer.digest), pytest.raises(FileAccessError) as failed:
        host.ask("write_file", path=str(tmp_path / place), digest=offer.digest, size=offer.size).result()
    assert failed.value.filename == str(tmp_path / place)
    assert controller.files.statistics().bytes_served == 0


def test_a_directory_of_somebody_else_cannot_be_written(controller: Controller, tmp_path: Path) -> None:
    if not controller.lab.accounts:
        pytest.skip("needs the lab's accounts, which root makes")
    offer = controller.files.offer(str(make_file(tmp_path / "source", 1000)))
    (host,) = controller.connect(1, user="svclab3", python="/usr/bin/python3")
    with controller.files.granted(host.id, offer.digest):
        with pytest.raises(FileAccessError, match=f"cannot write {host.directory}/file: Permission denied"):
            host.write(offer).result()
        host.directory.chmod(0o777)
        try:
            host.write(offer).result()
        finally:
            host.directory.chmod(0o755)
    assert (host.directory / "file").stat().st_uid != os.getuid()


def test_a_source_that_changes_while_it_is_sent_is_an_error(controller: Controller, tmp_path: Path) -> None:
    source = make_file(tmp_path / "source", 12 * MIB)
    offer = controller.files.offer(str(source))
    (host,) = controller.connect(1)

    def before(_host: int, offset: int) -> None:
        if offset == 6 * MIB:
            with source.open("r+b") as stream:
                stream.write(b"changed")

    controller.files.before = before
    with controller.files.granted(host.id, offer.digest), pytest.raises(SourceChangedError) as failed:
        host.write(offer).result()
    assert failed.value.details == {"path": str(source)}
    assert os.listdir(host.directory) == []


def test_a_cancelled_transfer_stops(controller: Controller, tmp_path: Path) -> None:
    offer = controller.files.offer(str(make_file(tmp_path / "source", 24 * MIB)))
    (host,) = controller.connect(1)
    halfway, may_go_on = threading.Event(), threading.Event()

    def before(_host: int, offset: int) -> None:
        if offset == 12 * MIB:
            halfway.set()
            assert may_go_on.wait(20)

    controller.files.before = before
    with controller.files.granted(host.id, offer.digest):
        outstanding = host.write(offer)
        assert halfway.wait(20)
        assert len(host.unfinished_files()) == 1
        assert outstanding.cancel()
        with pytest.raises(CancelledError):
            outstanding.result()
        wait_until(lambda: not host.unfinished_files())
        may_go_on.set()
        assert os.listdir(host.directory) == []
        controller.files.before = lambda _host, _offset: None
        host.write(offer).result()
    assert digest_file(host.directory / "file") == offer.digest


@pytest.mark.parametrize("size", [0, 1, CHUNK_BYTES, 40 * MIB + 1])
def test_a_file_of_a_host_is_copied_here(controller: Controller, tmp_path: Path, size: int) -> None:
    (host,) = controller.connect(1)
    remote = make_file(host.directory / "remote", size)
    remote.chmod(0o640)
    before = resident_bytes()
    assert download(host.ask, str(remote), str(tmp_path / "local"), timeout_s=60) == size
    assert resident_bytes() - before < 20 * MIB
    assert digest_file(tmp_path / "local") == digest_file(remote)
    assert (tmp_path / "local").stat().st_mode & 0o7777 == 0o640
    assert os.listdir(tmp_path) == ["local"]


def test_a_file_without_a_size_is_copied_here(controller: Controller, tmp_path: Path) -> None:
    (host,) = controller.connect(1)
    assert download(host.ask, "/proc/version", str(tmp_path / "local")) > 0
    assert (tmp_path / "local").read_bytes() == Path("/proc/version").read_bytes()


def test_a_file_that_cannot_be_read_there_or_written_here_is_named(controller: Controller, tmp_path: Path) -> None:
    (host,) = controller.connect(1)
    (host.directory / "remote").write_bytes(b"content")
    with pytest.raises(FileAccessError, match=f"cannot read {host.directory}/missing: No such file"):
        download(host.ask, str(host.directory / "missing"), str(tmp_path / "local"))
    with pytest.raises(FileAccessError, match=f"cannot read {host.directory}: not a regular file"):
        download(host.ask, str(host.directory), str(tmp_path / "local"))
    with pytest.raises(FileAccessError, match=f"cannot write {tmp_path}/missing/local: "):
        download(host.ask, str(host.directory / "remote"), str(tmp_path / "missing" / "local"))
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("change", ["replace", "cut", "rewrite", "append"])
def test_a_file_that_changes_while_it_is_copied_here(controller: Controller, tmp_path: Path, change: str) -> None:
    (host,) = controller.connect(1)
    size = 8 * MIB
    remote = make_file(host.directory / "remote", size)
    digest = digest_file(remote)
    asked = 0

    def ask(method: str, **kwargs: Any) -> Any:
        nonlocal asked
        asked += 1
        if asked == 12:
            if change == "replace":
                make_file(host.directory / "new", size).rename(remote)
            elif change == "cut":
                os.truncate(remote, 100)
            else:
                with remote.open("ab" if change == "append" else "r+b") as stream:
                    stream.write(b"changed")
        return host.ask(method, **kwargs)

    (tmp_path / "local").write_bytes(b"before")
    if change == "append":
        assert download(ask, str(remote), str(tmp_path / "local")) == size
        assert digest_file(tmp_path / "local") == digest
    else:
        with pytest.raises(SourceChangedError, match=str(remote)):
            download(ask, str(remote), str(tmp_path / "local"))
        assert (tmp_path / "local").read_bytes() == b"before"
    assert os.listdir(tmp_path) == ["local"]
