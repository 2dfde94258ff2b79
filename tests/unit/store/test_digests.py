# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How content is named."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ansible_svc.store.digests import digest_bytes, digest_file, is_digest, require_digest

if TYPE_CHECKING:
    from pathlib import Path


@given(st.binary())
def test_a_digest_is_the_sha256_of_the_content(content: bytes) -> None:
    digest = digest_bytes(content)
    assert digest == hashlib.sha256(content).hexdigest()
    assert digest == digest_bytes(memoryview(content)) == require_digest(digest)


@pytest.mark.parametrize("size", [0, 1, 1024 * 1024, 2 * 1024 * 1024 + 1])
def test_a_file_is_digested_whole(tmp_path: Path, size: int) -> None:
    content = bytes(range(251)) * (size // 251 + 1)
    path = tmp_path / "file"
    path.write_bytes(content[:size])
    assert digest_file(path) == digest_bytes(content[:size])


@pytest.mark.parametrize("length", [0, 1, 999, 1000, 1001])
def test_a_file_is_digested_up_to_a_length(tmp_path: Path, length: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 1000)
    assert digest_file(path, length) == digest_bytes(b"x" * min(length, 1000))


@pytest.mark.parametrize("text", ["", "0" * 63, "0" * 65, "A" * 64, "../" + "0" * 61, None, b"0" * 64, 7])
def test_what_is_no_digest_is_refused(text: object) -> None:
    assert not is_digest(text)
    with pytest.raises(ValueError, match="not a sha256"):
        require_digest(text)
