# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What an agent knows of bundles, and what a zygote still has to be told of them."""

from __future__ import annotations

import hashlib
import zlib
from types import SimpleNamespace
from typing import Any

import pytest

from ansible_svc.target.bundles import Bundles
from ansible_svc.target.frames import FrameReader

SHARED = b"shared by both"
FIRST = b"only in the first"
SECOND = b"only in the second"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pack(*blobs: bytes) -> bytes:
    return zlib.compress(b"".join(len(blob).to_bytes(4, "big") + blob for blob in blobs))


def manifest(*files: tuple[str, bytes], modules: tuple[str, ...] = ("base",)) -> dict[str, Any]:
    return {"files": [[path, digest(content)] for path, content in files], "modules": list(modules)}


ONE = manifest(("shared.py", SHARED), ("first.py", FIRST))
TWO = manifest(("shared.py", SHARED), ("second.py", SECOND), modules=("other",))


def a_zygote() -> Any:
    return SimpleNamespace(bundles=set(), blobs=set())


def read(frames: bytes) -> list[tuple[dict[str, Any], bytes]]:
    return FrameReader().feed(frames)


@pytest.fixture
def bundles() -> Bundles:
    bundles = Bundles()
    bundles.add("one", ONE, [digest(SHARED), digest(FIRST)], pack(SHARED, FIRST))
    return bundles


def test_missing_answers_for_an_unknown_manifest() -> None:
    assert Bundles().missing("one") is None


def test_missing_answers_with_what_has_not_come(bundles: Bundles) -> None:
    assert bundles.missing("one") == []
    bundles.add("two", TWO, [], b"")
    assert bundles.missing("two") == [digest(SECOND)]
    bundles.add("two", None, [digest(SECOND)], pack(SECOND))
    assert bundles.missing("two") == []


def test_blobs_may_come_before_their_manifest() -> None:
    bundles = Bundles()
    bundles.add("one", None, [digest(SHARED), digest(FIRST)], pack(SHARED, FIRST))
    assert bundles.missing("one") is None
    bundles.add("one", ONE, [], b"")
    assert bundles.missing("one") == []


def test_files(bundles: Bundles) -> None:
    assert bundles.files("one") == {"shared.py": digest(SHARED), "first.py": digest(FIRST)}
    bundles.files("one").clear()
    assert bundles.files("one") != {}


@pytest.mark.parametrize("blob", [b"", b"\0" * 300_000, bytes(range(256))], ids=["empty", "large", "binary"])
def test_any_blob_passes(blob: bytes) -> None:
    bundles = Bundles()
    bundles.add("one", manifest(("x", blob)), [digest(blob)], pack(blob))
    assert bundles.missing("one") == []
    assert read(bundles.frames_for("one", a_zygote()))[0] == (
        {"op": "blobs", "digests": [[digest(blob), len(blob)]]},
        blob,
    )


@pytest.mark.parametrize(
    "data",
    [
        pack(SHARED, b"something else"),
        pack(SHARED),
        zlib.compress(b""),
        zlib.compress((1 << 31).to_bytes(4, "big") + SHARED),
        b"not even compressed",
        pack(SHARED, FIRST)[:-8],
    ],
    ids=["other content", "too few", "nothing", "wrong length", "garbage", "cut off"],
)
def test_what_is_not_what_its_digest_says_is_refused_as_a_whole(data: bytes) -> None:
    bundles = Bundles()
    with pytest.raises(ValueError, match="bundle one"):
        bundles.add("one", ONE, [digest(SHARED), digest(FIRST)], data)
    assert bundles.missing("one") is None
    bundles.add("one", ONE, [], b"")
    assert bundles.missing("one") == [digest(SHARED), digest(FIRST)]


def test_a_new_zygote_is_told_everything_and_what_to_import(bundles: Bundles) -> None:
    zygote = a_zygote()
    assert read(bundles.frames_for("one", zygote)) == [
        (
            {"op": "blobs", "digests": [[digest(SHARED), len(SHARED)], [digest(FIRST), len(FIRST)]]},
            SHARED + FIRST,
        ),
        ({"op": "bundle", "id": "one", "files": bundles.files("one")}, b""),
        ({"op": "base", "bundle": "one", "modules": ["base"]}, b""),
    ]


def test_a_zygote_is_told_only_what_is_new(bundles: Bundles) -> None:
    zygote = a_zygote()
    bundles.frames_for("one", zygote)
    assert bundles.frames_for("one", zygote) == b""
    bundles.add("two", TWO, [digest(SECOND)], pack(SECOND))
    assert read(bundles.frames_for("two", zygote)) == [
        ({"op": "blobs", "digests": [[digest(SECOND), len(SECOND)]]}, SECOND),
        ({"op": "bundle", "id": "two", "files": bundles.files("two")}, b""),
    ]
    assert bundles.frames_for("two", zygote) == b""


def test_every_zygote_is_told_for_itself(bundles: Bundles) -> None:
    first, second = a_zygote(), a_zygote()
    assert bundles.frames_for("one", first) == bundles.frames_for("one", second) != b""


def test_content_that_has_two_paths_is_sent_once() -> None:
    bundles = Bundles()
    bundles.add("one", manifest(("a/__init__.py", b""), ("b/__init__.py", b"")), [digest(b"")], pack(b""))
    assert bundles.missing("one") == []
    header, body = read(bundles.frames_for("one", a_zygote()))[0]
    assert (header["digests"], body) == ([[digest(b""), 0]], b"")
