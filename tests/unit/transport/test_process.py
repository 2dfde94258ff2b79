# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Processes that connections talk to, and how their end is noticed."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mitogen.core
import mitogen.master
import mitogen.parent
import pytest

from ansible_svc.target.booting import Boot
from ansible_svc.transport import process
from ansible_svc.transport.process import ClientConnection, spawn

PATIENCE_S = 20.0
BOOT = Boot("", "digest", b"", None, {"packed": False})


class Mute(ClientConnection):
    """Connect to a program that closes its outputs, and ends when a fifo is opened."""

    fifo: str
    made: list[Mute]

    def create_child(self, args: list[str], **kwargs: Any) -> Any:
        self.made.append(self)
        return spawn(["sh", "-c", 'exec <&- >&- 2>&-; read line < "$0"', self.fifo])


@pytest.fixture
def router(monkeypatch: pytest.MonkeyPatch) -> Iterator[mitogen.master.Router]:
    # what mitogen would do by its timer comes too late for any test
    monkeypatch.setattr(mitogen.parent.Reaper, "_calc_delay", lambda self, count: 3600.0)
    broker = mitogen.master.Broker(install_watcher=False)
    broker.shutdown_timeout = PATIENCE_S
    yield mitogen.master.Router(broker)
    broker.shutdown()
    broker.join()


@pytest.fixture
def mute(router: mitogen.master.Router, tmp_path: Path) -> Mute:
    return connected(router, tmp_path)


def connected(router: mitogen.master.Router, tmp_path: Path) -> Mute:
    """Return a connection that was given up, to a program that has not ended."""
    os.mkfifo(tmp_path / "fifo")
    Mute.fifo, Mute.made = str(tmp_path / "fifo"), []
    with pytest.raises(mitogen.core.StreamError):
        router._connect(Mute, name="mute", boot=BOOT, remote_name="mute", connect_timeout=PATIENCE_S)
    router.broker.defer_sync(lambda: None)  # whoever connects is told before the broker is done with it
    return Mute.made[0]


def test_the_end_of_a_process_is_noticed_when_it_ends(mute: Mute) -> None:
    ended = threading.Event()
    mitogen.core.listen(mute.proc, "exit", ended.set)
    assert mute.proc.proc.returncode is None
    Path(mute.fifo).write_text("\n")
    assert ended.wait(PATIENCE_S)
    assert mute.proc.proc.returncode == 0


def test_the_broker_ends_as_soon_as_the_last_process_has(router: mitogen.master.Router, mute: Mute) -> None:
    router.broker.shutdown()
    Path(mute.fifo).write_text("\n")
    router.broker._thread.join(PATIENCE_S / 2)
    assert not router.broker._thread.is_alive()


def test_nothing_stays_open_when_mitogen_was_first(router: mitogen.master.Router, mute: Mute) -> None:
    waiting = [side for _, (side, _) in router.broker.poller.readers if isinstance(side.stream, process._End)]
    assert len(waiting) == 1
    router.broker.defer_sync(lambda: mitogen.core.fire(mute.proc, "exit"))
    assert waiting[0].closed
    Path(mute.fifo).write_text("\n")
    router.broker.defer_sync(mute._reaper._remove_timer)
    mute.proc.proc.wait(PATIENCE_S)


def test_a_system_without_descriptors_of_processes_waits_as_mitogen_does(
    router: mitogen.master.Router, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "pidfd_open", raising=False)
    monkeypatch.setattr(mitogen.parent.Reaper, "_calc_delay", lambda self, count: 0.01)
    mute = connected(router, tmp_path)
    assert mute.proc.proc.wait(PATIENCE_S) == -signal.SIGTERM, "its timer ends the process"
