# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Memory over disk."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ansible_svc.store import DigestMismatchError, DiskStore, LayeredStore, MemoryStore
from ansible_svc.store.digests import digest_bytes

if TYPE_CHECKING:
    from pathlib import Path

DIGEST = digest_bytes(b"content")


def test_the_disk_answers_once_and_memory_from_then_on(tmp_path: Path) -> None:
    disk = DiskStore(tmp_path / "blobs", 1000)
    disk.put(b"content")
    store = LayeredStore(MemoryStore(1000), disk)
    assert store.missing([DIGEST]) == []
    assert store.get(DIGEST) == b"content"
    assert store.get(DIGEST) == b"content"
    assert disk.statistics().hits == 1
    assert store.memory.statistics().hits == 1


def test_what_is_put_is_in_both_layers(tmp_path: Path) -> None:
    store = LayeredStore(MemoryStore(1000), DiskStore(tmp_path / "blobs", 1000))
    assert store.put(b"content") == DIGEST
    assert DIGEST in store.memory
    assert store.disk is not None
    assert DIGEST in store.disk


def test_what_must_not_persist_touches_no_disk(tmp_path: Path) -> None:
    store = LayeredStore(MemoryStore(1000), DiskStore(tmp_path / "blobs", 1000))
    store.put(b"content", persist=False)
    store.add(digest_bytes(b"other"), b"other", persist=False)
    assert store.get(DIGEST) == b"content"
    assert not (tmp_path / "blobs").exists()


def test_content_under_a_wrong_name_reaches_no_layer(tmp_path: Path) -> None:
    store = LayeredStore(MemoryStore(1000), DiskStore(tmp_path / "blobs", 1000))
    with pytest.raises(DigestMismatchError):
        store.add(DIGEST, b"another")
    assert store.missing([DIGEST]) == [DIGEST]


def test_what_memory_cannot_hold_comes_from_disk(tmp_path: Path) -> None:
    store = LayeredStore(MemoryStore(3), DiskStore(tmp_path / "blobs", 1000))
    assert store.add(DIGEST, b"content")
    assert DIGEST not in store.memory
    assert store.get(DIGEST) == b"content"


def test_missing_names_each_once_and_in_order() -> None:
    store = LayeredStore(MemoryStore(1000))
    other = digest_bytes(b"other")
    store.put(b"other")
    unknown = digest_bytes(b"unknown")
    assert store.missing([unknown, other, DIGEST, unknown]) == [unknown, DIGEST]


def test_without_a_disk_a_miss_is_none() -> None:
    store = LayeredStore(MemoryStore(3))
    assert store.get(DIGEST) is None
    assert store.add(DIGEST, b"content") is False
