# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Pull granted content from the controller, in chunks, several of which are on their way at any time.

Only this side knows how fast it can take the data, so it asks and the controller answers: what is outstanding is the
window, and there is no other buffer. A long line needs a wide window, on a narrow one it would only fill the
controller's memory; so it widens for as long as answers come no later than twice the quickest one did. file_writer.py
puts what was pulled into files.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from ansible_svc.errors import CancelledError, DeadlineExceededError
from ansible_svc.names import FILE_SERVICE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable, Iterator
    from typing import Any, Protocol, TypeVar

    from ansible_svc.service import Request

    T = TypeVar("T")

    class PendingChunk(Protocol):
        """A request for a chunk that was sent; `ansible_svc.service.Call` is one."""

        def result(self) -> Any:
            """Wait for the chunk."""

        def cancel(self) -> Any:
            """Want it no longer; whoever waits gets CancelledError."""

    class Fetch(Protocol):
        """Send a request for a chunk. ``timeout_s`` is None or the seconds in which it is still of use."""

        def __call__(self, digest: str, offset: int, length: int, timeout_s: float | None) -> PendingChunk:
            """Return at once."""

    #: digest, offset and length of a chunk
    Chunk = tuple[str, int, int]


#: How much to ask for at a time, how many such requests to keep outstanding at first, and at most when nobody says.
CHUNK_BYTES = 256 * 1024
WINDOW = 4
WIDEST = 32


def fetch_from(router: Any, context_id: int = 0) -> Fetch:
    """Return a function that asks the FileService of a context above this one; the controller has id 0."""
    from ansible_svc.service import call_async

    context = router.context_by_id(context_id)

    def fetch(digest: str, offset: int, length: int, timeout_s: float | None) -> PendingChunk:
        return call_async(
            context, FILE_SERVICE, "fetch", timeout_s=timeout_s, digest=digest, offset=offset, length=length
        )

    return fetch


def chunks_of(digest: str, size: int) -> Iterator[Chunk]:
    """Cut content of *size* bytes into chunks."""
    for offset in range(0, size, CHUNK_BYTES):
        yield digest, offset, min(CHUNK_BYTES, size - offset)


def pull(
    fetch: Fetch, chunks: Iterable[Chunk], request: Request | None = None, widest: int = WIDEST
) -> Generator[bytes, None, None]:
    """Yield the content of *chunks* in order, with never more than *widest* requests outstanding.

    Close the generator (``contextlib.closing``) when the iteration may end early: that cancels what is outstanding.

    Parameters:
        fetch: sends one request.
        chunks: what to ask for; consumed as the window moves.
        request: the request that this is done for. Its deadline bounds the whole; its cancellation ends it.

    Raises:
        CancelledError, DeadlineExceededError: *request* is no longer waited for.
        Error: what the controller answered, or DisconnectedError.
    """

    def start(chunk: Chunk) -> PendingChunk:
        digest, offset, length = chunk
        return fetch(digest, offset, length, _timeout_s(request))

    return in_order(start, chunks, request, widest)


def in_order(
    start: Callable[[T], PendingChunk], items: Iterable[T], request: Request | None = None, widest: int = WIDEST
) -> Generator[Any, None, None]:
    """Start a call for each of *items* and yield the results in order, with never more than *widest* calls outstanding.

    See ``pull`` for *request* and for what it raises.

    Threads: the iterating one; ``request.on_cancel`` calls from another.

    Guarded by: ``lock`` guards ``outstanding``.
    """
    outstanding: deque[PendingChunk] = deque()
    asked: deque[float] = deque()
    quickest_s = float("inf")
    window = min(WINDOW, widest)
    lock = threading.Lock()

    def cancel() -> None:
        with lock:
            pending = list(outstanding)
        for call in pending:
            call.cancel()

    if request is not None:
        request.on_cancel(cancel)
    remaining = iter(items)
    exhausted = False
    try:
        while True:
            while not exhausted and len(outstanding) < window:
                try:
                    item = next(remaining)
                except StopIteration:
                    exhausted = True
                    break
                asked.append(time.monotonic())
                call = start(item)
                with lock:
                    outstanding.append(call)
                # Looked at after the call is listed: an earlier cancellation has not seen it.
                if request is not None and request.cancelled:
                    raise CancelledError("nobody waits for the transfer any longer")
            if not outstanding:
                return
            result = outstanding[0].result()
            took_s = time.monotonic() - asked.popleft()
            quickest_s = min(quickest_s, took_s)
            if took_s <= 2 * quickest_s:
                window = min(window + 1, widest)
            with lock:
                outstanding.popleft()
            yield result
    finally:
        cancel()


def _timeout_s(request: Request | None) -> float | None:
    """Return how long a call that is made now for *request* may take.

    Raises:
        DeadlineExceededError: no longer at all.
    """
    if request is None or request.deadline is None:
        return None
    left_s = request.deadline - time.monotonic()
    if left_s <= 0:
        raise DeadlineExceededError("the transfer took longer than it may")
    return left_s
