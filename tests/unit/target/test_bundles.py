# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an agent knows of bundles, and what a zygote still has to be told of them."""

from __future__ import annotations

import hashlib
import json
import zlib
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_svc.store import DiskStore, LayeredStore, MemoryStore
from ansible_svc.target.bundles import Bundles
from ansible_svc.target.frames import FrameReader

SHARED = b"shared by both"
FIRST = b"only in the first"
SECOND = b"only in the second"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pack(*blobs: bytes) -> bytes:
    return zlib.compress(b"".join(len(blob).to_bytes(4, "big") + blob for blob in blobs))


def manifest(*files: tuple[str, bytes], modules: tuple[str, ...] = ("base",)) -> bytes:
    return json.dumps(
        {"files": [[path, digest(content)] for path, content in files], "modules": list(modules)}
    ).encode()


ONE = manifest(("shared.py", SHARED), ("first.py", FIRST))
TWO = manifest(("shared.py", SHARED), ("second.py", SECOND), modules=("other",))
FIRST_NAME, SECOND_NAME = digest(ONE), digest(TWO)


def a_zygote() -> Any:
    return SimpleNamespace(bundles=set(), blobs=set())


def frames(bundles: Bundles, name: str, zygote: Any) -> list[tuple[dict[str, Any], bytes]]:
    parts, missing = bundles.parts_for(name, zygote, {})
    assert missing == []
    return FrameReader().feed(bundles.frames_for(name, zygote, parts))


def in_memory(limit_bytes: int = 1 << 20) -> Bundles:
    return Bundles(LayeredStore(MemoryStore(limit_bytes)))


def on_disk(folder: Path) -> Bundles:
    return Bundles(LayeredStore(MemoryStore(1 << 20), DiskStore(folder, 1 << 20)))


@pytest.fixture
def bundles() -> Bundles:
    bundles = in_memory()
    bundles.add(pack(ONE, SHARED, FIRST))
    return bundles


def test_missing_answers_with_the_name_of_an_unknown_bundle() -> None:
    assert in_memory().missing(FIRST_NAME, {}) == [FIRST_NAME]


def test_missing_answers_with_what_has_not_come(bundles: Bundles) -> None:
    assert bundles.missing(FIRST_NAME, {}) == []
    bundles.add(pack(TWO))
    assert bundles.missing(SECOND_NAME, {}) == [digest(SECOND)]
    bundles.add(pack(SECOND))
    assert bundles.missing(SECOND_NAME, {}) == []


def test_blobs_may_come_before_their_manifest() -> None:
    bundles = in_memory()
    bundles.add(pack(SHARED, FIRST))
    assert bundles.missing(FIRST_NAME, {}) == [FIRST_NAME]
    bundles.add(pack(ONE))
    assert bundles.missing(FIRST_NAME, {}) == []


def test_files(bundles: Bundles) -> None:
    bundles.missing(FIRST_NAME, {})
    assert bundles.files(FIRST_NAME) == {"shared.py": digest(SHARED), "first.py": digest(FIRST)}
    bundles.files(FIRST_NAME).clear()
    assert bundles.files(FIRST_NAME) != {}


@pytest.mark.parametrize("blob", [b"", b"\0" * 300_000, bytes(range(256))], ids=["empty", "large", "binary"])
def test_any_blob_passes(blob: bytes) -> None:
    bundles = in_memory()
    about = manifest(("x", blob))
    bundles.add(pack(about, blob))
    assert bundles.missing(digest(about), {}) == []
    assert frames(bundles, digest(about), a_zygote())[0] == (
        {"op": "blobs", "digests": [[digest(blob), len(blob)]]},
        blob,
    )


def test_other_content_is_another_blob() -> None:
    bundles = in_memory()
    bundles.add(pack(ONE, SHARED, b"something else"))
    assert bundles.missing(FIRST_NAME, {}) == [digest(FIRST)]


@pytest.mark.parametrize(
    "data",
    [
        zlib.compress((1 << 31).to_bytes(4, "big") + SHARED),
        zlib.compress(b"\0\0"),
        b"not even compressed",
        pack(SHARED, FIRST)[:-8],
    ],
    ids=["wrong length", "no length", "garbage", "cut off"],
)
def test_what_is_no_pack_is_refused_as_a_whole(data: bytes) -> None:
    bundles = in_memory()
    with pytest.raises(ValueError, match="pack of blobs"):
        bundles.add(data)
    bundles.add(pack(ONE))
    assert bundles.missing(FIRST_NAME, {}) == [digest(SHARED), digest(FIRST)]


def test_another_agent_finds_it_on_disk(tmp_path: Path) -> None:
    first = on_disk(tmp_path / "blobs")
    first.add(pack(ONE, SHARED, FIRST))
    assert on_disk(tmp_path / "blobs").missing(FIRST_NAME, {}) == [FIRST_NAME]
    first.keep()
    second = on_disk(tmp_path / "blobs")
    assert second.missing(FIRST_NAME, {}) == []
    assert frames(second, FIRST_NAME, a_zygote())[0][1] == SHARED + FIRST


def test_a_blob_that_is_broken_on_disk_is_missing(tmp_path: Path) -> None:
    first = on_disk(tmp_path / "blobs")
    first.add(pack(ONE, SHARED, FIRST))
    first.keep()
    (tmp_path / "blobs" / digest(FIRST)).write_bytes(b"broken")
    assert on_disk(tmp_path / "blobs").missing(FIRST_NAME, {}) == [digest(FIRST)]


def test_what_memory_gave_up_is_missing_again() -> None:
    bundles = in_memory(len(ONE) + len(SHARED) + len(FIRST))
    bundles.add(pack(ONE, SHARED, FIRST))
    assert bundles.missing(FIRST_NAME, {}) == []
    bundles.add(pack(TWO))
    parts, missing = bundles.parts_for(FIRST_NAME, a_zygote(), {})
    assert (parts, missing) == ({digest(FIRST): FIRST}, [digest(SHARED)])
    assert bundles.missing(FIRST_NAME, {}) == [digest(SHARED)]


def test_what_a_request_holds_needs_no_memory() -> None:
    bundles = in_memory(0)
    held = bundles.add(pack(ONE, SHARED, FIRST))
    assert bundles.missing(FIRST_NAME, held) == []
    parts, missing = bundles.parts_for(FIRST_NAME, a_zygote(), held)
    assert (parts, missing) == ({digest(SHARED): SHARED, digest(FIRST): FIRST}, [])
    there = {digest(blob): blob for blob in (TWO, SHARED, SECOND)}
    assert bundles.complete(SECOND_NAME, lambda digests: [there[name] for name in digests], held) == []
    assert bundles.parts_for(SECOND_NAME, a_zygote(), held)[1] == []


def test_a_new_zygote_is_told_everything_and_what_to_import(bundles: Bundles) -> None:
    bundles.missing(FIRST_NAME, {})
    assert frames(bundles, FIRST_NAME, a_zygote()) == [
        (
            {"op": "blobs", "digests": [[digest(SHARED), len(SHARED)], [digest(FIRST), len(FIRST)]]},
            SHARED + FIRST,
        ),
        ({"op": "bundle", "id": FIRST_NAME, "files": bundles.files(FIRST_NAME)}, b""),
        ({"op": "base", "bundle": FIRST_NAME, "modules": ["base"]}, b""),
    ]


def test_a_zygote_is_told_only_what_is_new(bundles: Bundles) -> None:
    zygote = a_zygote()
    bundles.missing(FIRST_NAME, {})
    frames(bundles, FIRST_NAME, zygote)
    assert frames(bundles, FIRST_NAME, zygote) == []
    bundles.add(pack(TWO, SECOND))
    assert bundles.missing(SECOND_NAME, {}) == []
    assert frames(bundles, SECOND_NAME, zygote) == [
        ({"op": "blobs", "digests": [[digest(SECOND), len(SECOND)]]}, SECOND),
        ({"op": "bundle", "id": SECOND_NAME, "files": bundles.files(SECOND_NAME)}, b""),
    ]
    assert frames(bundles, SECOND_NAME, zygote) == []


def test_every_zygote_is_told_for_itself(bundles: Bundles) -> None:
    bundles.missing(FIRST_NAME, {})
    assert frames(bundles, FIRST_NAME, a_zygote()) == frames(bundles, FIRST_NAME, a_zygote()) != []


def test_content_that_has_two_paths_is_sent_once() -> None:
    bundles = in_memory()
    about = manifest(("a/__init__.py", b""), ("b/__init__.py", b""))
    bundles.add(pack(about, b""))
    assert bundles.missing(digest(about), {}) == []
    header, body = frames(bundles, digest(about), a_zygote())[0]
    assert (header["digests"], body) == ([[digest(b""), 0]], b"")


def test_what_a_neighbour_has_is_taken_from_there(tmp_path: Path) -> None:
    there = {digest(blob): blob for blob in (ONE, SHARED, FIRST)}
    asked: list[list[str]] = []

    def ask(digests: list[str]) -> list[bytes | None]:
        asked.append(digests)
        return [there.get(name) for name in digests]

    bundles = on_disk(tmp_path / "blobs")
    assert bundles.complete(FIRST_NAME, ask, {}) == []
    assert asked == [[FIRST_NAME], [digest(SHARED), digest(FIRST)]]
    bundles.keep()
    assert on_disk(tmp_path / "blobs").missing(FIRST_NAME, {}) == []


def test_a_neighbour_is_believed_nothing() -> None:
    bundles = in_memory()
    bundles.add(pack(ONE, SHARED))
    assert bundles.complete(FIRST_NAME, lambda digests: [b"other code"] * len(digests), {}) == [digest(FIRST)]
    assert bundles.complete(SECOND_NAME, lambda digests: [None] * len(digests), {}) == [SECOND_NAME]
