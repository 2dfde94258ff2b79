# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which idle runners there are, which of them may run what, and which have to go.

Pure bookkeeping: it starts and ends no process.
"""

from __future__ import annotations

from ansible_svc.target.witness import look_at

TYPE_CHECKING = False
if TYPE_CHECKING:
    import socket

    from ansible_svc.target.frames import FrameReader
    from ansible_svc.target.leftovers import Leftovers

#: More than these would be idle only after tasks that ran at the same time; each holds some MB.
KEPT = 4
#: How long a runner waits for work.
KEPT_S = 60.0
# The C library reads these once in a process, or notices only now and then that they have changed.
_READ_ONCE = (
    "/etc/nsswitch.conf",
    "/etc/resolv.conf",
    "/etc/hosts",
    "/etc/localtime",
    "/etc/ld.so.cache",
    "/etc/host.conf",
    "/etc/gai.conf",
)


class Runner:
    """What the zygote knows of a runner that is used again.

    Attributes:
        pid, channel, frames: the process, the socket to it, and what reads from that.
        outputs: the files in memory that are its standard output and error.
        bundles, digests: what it knows, by id and by digest.
        loaded: what it has imported beyond the zygote's base, path -> digest.
        host: what the host was like when it was made, see ``look_at_host``.
        leftovers: what is to be removed should it be killed.
        since: when it became idle, by time.monotonic.
    """

    def __init__(
        self,
        pid: int,
        channel: socket.socket,
        frames: FrameReader,
        outputs: tuple[int, int],
        bundles: set[str],
        digests: set[str],
        host: object,
        leftovers: Leftovers,
    ) -> None:
        self.pid = pid
        self.channel = channel
        self.frames = frames
        self.outputs = outputs
        self.bundles = bundles
        self.digests = digests
        self.loaded: dict[str, str] = {}
        self.host = host
        self.leftovers = leftovers
        self.since = 0.0


class IdleRunners:
    """The runners of a zygote that have nothing to do. Threads: one."""

    def __init__(self) -> None:
        self._runners: list[Runner] = []

    def __len__(self) -> int:
        return len(self._runners)

    def take(self, files: dict[str, str], host: object) -> tuple[Runner | None, list[Runner]]:
        """Take out a runner that may run a bundle, None if there is none; and those that may run nothing any longer.

        What a runner has imported must be what the bundle has, by digest; what the bundle does without it forgets
        before the module runs (see reuse.py). Otherwise the module could tell it from a new process. The one that was
        used last is taken, so that others can end.

        Parameters:
            files: the bundle.
            host: what the host is like now.
        """
        outdated = [runner for runner in self._runners if runner.host != host]
        if outdated:
            self._runners = [runner for runner in self._runners if runner.host == host]
        for index in range(len(self._runners) - 1, -1, -1):
            if all(files.get(path, digest) == digest for path, digest in self._runners[index].loaded.items()):
                taken = self._runners.pop(index)
                taken.loaded = {path: digest for path, digest in taken.loaded.items() if path in files}
                return taken, outdated
        return None, outdated

    def put(self, runner: Runner, now: float) -> list[Runner]:
        """Take in a runner; return those for which there is no more room."""
        runner.since = now
        self._runners.append(runner)
        surplus, self._runners = self._runners[:-KEPT], self._runners[-KEPT:]
        return surplus

    def drop(self, runner: Runner) -> None:
        """Forget a runner that has ended by itself."""
        if runner in self._runners:
            self._runners.remove(runner)

    def expired(self, now: float) -> list[Runner]:
        """Take out those that have waited for too long."""
        expired = [runner for runner in self._runners if now - runner.since >= KEPT_S]
        self._runners = [runner for runner in self._runners if now - runner.since < KEPT_S]
        return expired

    def patience_s(self, now: float) -> float | None:
        """Return how long it takes until the next one has waited for too long; None when there is none."""
        return max(0.0, self._runners[0].since + KEPT_S - now) if self._runners else None


def look_at_host() -> object:
    """Return something that differs as soon as a new process would read other system files than an old one has."""
    return look_at(_READ_ONCE)
