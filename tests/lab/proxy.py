# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Stand between a client and a server on loopback: delay what passes, and count bytes and turns.

    with Proxy(lab.sshd.port, round_trip_s=0.1) as proxy:
        inventory = lab.inventory(1, ansible_port=proxy.port)
        ...
        print(proxy.counters())

Delays are those of a long line, not of a narrow one: each piece of data arrives half a round trip after it was sent,
however much is under way.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType

_PIECE_BYTES = 64 * 1024
_UNDER_WAY_PIECES = 256


@dataclass(frozen=True)
class Counters:
    """Hold what passed since the proxy was started or reset.

    round_trips counts how often the client had to wait for an answer: the length of the longest chain, on each
    connection, in which what one side sends was sent after what the other side had sent before it arrived. Requests
    that are under way together count as one, and what crosses a request on the line is no answer to it.
    """

    connections: int = 0
    to_server_bytes: int = 0
    to_client_bytes: int = 0
    round_trips: int = 0


class Proxy:
    """Forward connections on any address of 127.0.0.0/8 to the same address at server_port.

    The client's choice of address is kept, so that one proxy serves all hosts of a lab. port is the proxy's own.

    Threads: one thread of its own runs the event loop; every public method may be called from any thread.
    Guarded by _lock: _counters.
    """

    def __init__(self, server_port: int, round_trip_s: float = 0.0) -> None:
        self.port = 0
        self._server_port = server_port
        self._delay_s = round_trip_s / 2
        self._lock = threading.Lock()
        self._counters = Counters()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="lab-proxy")
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Proxy:
        self._thread.start()
        try:
            self.port = asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(timeout=10)
        except BaseException:
            self._end_loop()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        asyncio.run_coroutine_threadsafe(self._stop(), self._loop).result(timeout=10)
        self._end_loop()

    def counters(self) -> Counters:
        """Return what has been counted so far."""
        with self._lock:
            return self._counters

    def reset(self) -> Counters:
        """Begin to count anew; return what had been counted."""
        with self._lock:
            counted, self._counters = self._counters, Counters()
            return counted

    # -- on the loop's thread

    async def _start(self) -> int:
        # Bound to all loopback addresses only: on Linux a socket bound to the device lo answers on nothing else.
        self._server = await asyncio.start_server(self._accept, sock=_loopback_socket())
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _stop(self) -> None:
        if self._server is not None:
            self._server.close()
        for task in list(self._connections):
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections.add(task)
        try:
            await self._forward(reader, writer)
        except asyncio.CancelledError:
            # The proxy is being stopped; the task ends here, so nothing is hidden from anybody.
            return
        finally:
            self._connections.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        address = writer.get_extra_info("sockname")[0]
        try:
            server_reader, server_writer = await asyncio.open_connection(address, self._server_port)
        except OSError:
            # The client sees what it would have seen without the proxy: a connection that ends at once.
            writer.close()
            return
        connection = _Connection(self._count)
        self._count(connections=1)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._pump(reader, server_writer, connection.request))
                group.create_task(self._pump(server_reader, writer, connection.answer))
        finally:
            for end in (writer, server_writer):
                end.close()
            for end in (writer, server_writer):
                with contextlib.suppress(ConnectionError):
                    await end.wait_closed()

    async def _pump(
        self,
        source: asyncio.StreamReader,
        sink: asyncio.StreamWriter,
        sent: Callable[[int], Callable[[], None]],
    ) -> None:
        """Read from source at once, write to sink when the delay is over; pass on the end of the stream as well.

        sent is called with the length of each piece that was read; what it returns, when that piece arrives.
        """
        under_way: asyncio.Queue[tuple[float, bytes, Callable[[], None]]] = asyncio.Queue(_UNDER_WAY_PIECES)

        async def deliver() -> None:
            with contextlib.suppress(ConnectionError):
                while True:
                    due, data, arrived = await under_way.get()
                    await asyncio.sleep(due - self._loop.time())
                    if not data:
                        sink.write_eof()
                        return
                    arrived()
                    sink.write(data)
                    await sink.drain()

        async with asyncio.TaskGroup() as group:
            delivery = group.create_task(deliver())
            while not delivery.done():
                try:
                    data = await source.read(_PIECE_BYTES)
                except ConnectionError:
                    data = b""
                await under_way.put((self._loop.time() + self._delay_s, data, sent(len(data))))
                if not data:
                    break

    def _count(self, **more: int) -> None:
        with self._lock:
            now = vars(self._counters)
            self._counters = Counters(**{name: value + more.get(name, 0) for name, value in now.items()})

    def _end_loop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class _Connection:
    """Follow the chain of requests and answers on one connection.

    Parameters:
        count: is called with what is to be added to the Counters.
    """

    def __init__(self, count: Callable[..., None]) -> None:
        self._count = count
        self._request_at_server = 0  # the last one in the chain that the server may have answered
        self._answer_at_client = 0
        self._answers = 0

    def request(self, length: int) -> Callable[[], None]:
        """Take note of what the client sent; return what to call when it arrives."""
        self._count(to_server_bytes=length)
        link = self._answer_at_client + 1

        def arrived() -> None:
            self._request_at_server = link

        return arrived

    def answer(self, length: int) -> Callable[[], None]:
        """Take note of what the server sent; return what to call when it arrives."""
        link = self._request_at_server
        more = link - self._answers if length else 0
        self._answers += more
        self._count(to_client_bytes=length, round_trips=more)

        def arrived() -> None:
            self._answer_at_client = link

        return arrived


def _loopback_socket() -> socket.socket:
    listener = socket.socket()
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    listener.bind(("0.0.0.0", 0))
    return listener
