# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Becoming others: whose code it takes, and who is handed module code."""

from __future__ import annotations

import hashlib
import queue
import sys
import zlib
from types import ModuleType
from typing import Any

import pytest

from ansible_svc.errors import RefusedError
from ansible_svc.service.testing import FakeRequest
from ansible_svc.target.archive import ArchiveImporter
from ansible_svc.target.become_service import BecomeService
from ansible_svc.target.cache import Cache

PACKED = zlib.compress(b"first_stage\0\0FIRST = 1")
DIGEST = hashlib.sha256(PACKED).hexdigest()


class Stage:
    """Hold a service whose new agents are made by the test."""

    def __init__(self, cache: Cache) -> None:
        self.cache = cache
        self.service = BecomeService(None, "econtext", cache, ArchiveImporter("digest-1", b"packed-1", {}))
        self.booted: list[tuple[Any, int, Any, dict[str, Any]]] = []

    def become(self, packed: bytes, digest: str = DIGEST, number: int = 7) -> dict[str, Any]:
        answer = self.service.become(
            context_id=number, digest=digest, packed=packed, cache="~/c", agent={"a": 1}, options={"username": "root"}
        )
        if isinstance(answer, dict):
            return answer
        settled: queue.Queue[Any] = queue.Queue()
        answer.on_settled(settled.put)
        value: dict[str, Any] = settled.get(timeout=20).unwrap()
        return value


@pytest.fixture
def stage(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(Cache(str(tmp_path / "cache"), 1 << 20, lambda text: None))
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path])
    fake: Any = ModuleType("ansible_svc.target.become")
    fake.FIRST_STAGE = "first_stage"

    def become(econtext: Any, number: int, boot: Any, options: dict[str, Any]) -> dict[str, Any]:
        stage.booted.append((econtext, number, boot, options))
        return {"facts": {}}

    fake.become = become
    monkeypatch.setitem(sys.modules, "ansible_svc.target.become", fake)
    return stage


def test_the_new_agent_gets_this_ones_code(stage: Stage) -> None:
    assert stage.become(PACKED) == {"facts": {}}
    [(econtext, number, boot, options)] = stage.booted
    assert (econtext, number, options) == ("econtext", 7, {"username": "root"})
    assert (boot.first_stage, boot.digest, boot.archive) == ("FIRST = 1", "digest-1", b"packed-1")
    assert (boot.cache, boot.agent) == ("~/c", {"a": 1})


def test_code_for_becoming_that_is_neither_sent_nor_kept_is_missing(stage: Stage) -> None:
    assert stage.become(b"") == {"missing": True}
    assert stage.booted == []
    stage.become(PACKED)
    assert stage.become(b"") == {"facts": {}}


def test_another_agent_finds_it_in_the_cache(stage: Stage) -> None:
    stage.become(PACKED)
    other = Stage(stage.cache)
    assert other.become(b"") == {"facts": {}}


def test_other_code_is_refused(stage: Stage) -> None:
    with pytest.raises(ValueError, match="name"):
        stage.become(PACKED, digest="0" * 64)
    assert stage.booted == []


def test_module_code_is_handed_to_those_who_were_started_here(stage: Stage) -> None:
    digest = stage.cache.blobs.put(b"code")
    stage.become(PACKED, number=7)
    wanted = [digest, "0" * 64, "../secret"]
    assert stage.service.hand_over(wanted, request=FakeRequest(caller_id=7)) == [b"code", None, None]
    with pytest.raises(RefusedError):
        stage.service.hand_over(wanted, request=FakeRequest(caller_id=8))
