# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The memory store, held against a model of it."""

from __future__ import annotations

import threading
from collections import OrderedDict

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ansible_svc.store import DigestMismatchError, MemoryStore, StoreFullError
from ansible_svc.store.digests import digest_bytes

LIMIT_BYTES = 100
CONTENTS = [bytes([number]) * size for number, size in enumerate([0, 1, 10, 20, 30, 40, 50, 60, 100, 101])]
contents = st.sampled_from(CONTENTS)


class MemoryStoreMachine(RuleBasedStateMachine):
    """Do anything to a store and to a simple model; they must agree after each step."""

    def __init__(self) -> None:
        super().__init__()
        self.store = MemoryStore(LIMIT_BYTES)
        self.model: OrderedDict[str, bytes] = OrderedDict()
        self.pins: dict[str, int] = {}

    def model_keep(self, digest: str, content: bytes) -> bool:
        if digest in self.model:
            self.model.move_to_end(digest)
            return True
        pinned = sum(len(self.model[name]) for name in self.pins)
        if pinned + len(content) > LIMIT_BYTES:
            return False
        for name in list(self.model):
            if sum(map(len, self.model.values())) + len(content) <= LIMIT_BYTES:
                break
            if name not in self.pins:
                del self.model[name]
        self.model[digest] = content
        return True

    @rule(content=contents)
    def put(self, content: bytes) -> None:
        assert self.store.put(content) == digest_bytes(content)
        self.model_keep(digest_bytes(content), content)

    @rule(content=contents)
    def put_pinned(self, content: bytes) -> None:
        digest = digest_bytes(content)
        if self.model_keep(digest, content):
            assert self.store.put(content, pin=True) == digest
            self.pins[digest] = self.pins.get(digest, 0) + 1
        else:
            with pytest.raises(StoreFullError):
                self.store.put(content, pin=True)

    @rule(content=contents)
    def add(self, content: bytes) -> None:
        digest = digest_bytes(content)
        assert self.store.add(digest, content) is self.model_keep(digest, content)

    @rule(content=contents, other=contents)
    def add_wrong(self, content: bytes, other: bytes) -> None:
        if content != other:
            with pytest.raises(DigestMismatchError):
                self.store.add(digest_bytes(content), other)

    @rule(content=contents)
    def get(self, content: bytes) -> None:
        digest = digest_bytes(content)
        assert self.store.get(digest) == self.model.get(digest)
        if digest in self.model:
            self.model.move_to_end(digest)

    @rule(content=contents)
    def pin(self, content: bytes) -> None:
        digest = digest_bytes(content)
        assert self.store.pin(digest) is (digest in self.model)
        if digest in self.model:
            self.pins[digest] = self.pins.get(digest, 0) + 1

    @rule(content=contents)
    def unpin(self, content: bytes) -> None:
        digest = digest_bytes(content)
        if digest not in self.pins:
            with pytest.raises(ValueError, match="not pinned"):
                self.store.unpin(digest)
            return
        self.store.unpin(digest)
        self.pins[digest] -= 1
        if not self.pins[digest]:
            del self.pins[digest]

    @rule(content=contents)
    def discard(self, content: bytes) -> None:
        digest = digest_bytes(content)
        discardable = digest in self.model and digest not in self.pins
        assert self.store.discard(digest) is discardable
        if discardable:
            del self.model[digest]

    @invariant()
    def agrees_with_the_model(self) -> None:
        statistics = self.store.statistics()
        assert statistics.blobs == len(self.model)
        assert statistics.size_bytes == sum(map(len, self.model.values())) <= LIMIT_BYTES
        assert statistics.pinned_blobs == len(self.pins)
        assert statistics.pinned_bytes == sum(len(self.model[name]) for name in self.pins)
        for content in CONTENTS:
            assert (digest_bytes(content) in self.store) is (digest_bytes(content) in self.model)


TestMemoryStoreMachine = MemoryStoreMachine.TestCase


def test_statistics_count_what_happened() -> None:
    store = MemoryStore(10)
    first = store.put(b"a" * 6)
    store.put(b"b" * 6)
    store.put(b"c" * 11)
    assert store.get(first) is None
    assert store.get(digest_bytes(b"b" * 6)) == b"b" * 6
    statistics = store.statistics()
    assert (statistics.hits, statistics.misses, statistics.evictions, statistics.refused) == (1, 1, 1, 1)


def test_content_that_can_change_is_copied() -> None:
    store = MemoryStore(100)
    content = bytearray(b"before")
    digest = store.put(content)
    content[:] = b"after!"
    assert store.get(digest) == b"before"


def test_a_negative_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        MemoryStore(-1)


def test_threads_never_exceed_the_bound_or_read_something_else() -> None:
    store = MemoryStore(1000)
    blobs = {digest_bytes(content): content for content in (bytes([number]) * 100 for number in range(30))}
    failures: list[object] = []

    def work(offset: int) -> None:
        for turn in range(300):
            digest, content = list(blobs.items())[(turn * 7 + offset) % len(blobs)]
            store.put(content)
            if store.get(digest) not in (None, content) or store.statistics().size_bytes > 1000:
                failures.append(digest)

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
