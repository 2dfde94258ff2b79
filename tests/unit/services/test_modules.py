# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules are built once, and packed once for all hosts that lack the same."""

from __future__ import annotations

import hashlib
import json
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ansible
import pytest
from ansible import constants as C
from ansible.errors import AnsibleError

from ansible_svc.compat.module_build import AnsiballZ
from ansible_svc.compat.plugin_loading import loading_lock
from ansible_svc.service import Pool
from ansible_svc.service.testing import FakeNetwork
from ansible_svc.services import modules
from ansible_svc.services.build_memory import BuildMemory
from ansible_svc.services.modules import Bundle, ModuleService
from tests.unit.ansible_setup import set_up

PATIENCE_S = 20.0
SOURCE = "#!/usr/bin/python\nfrom ansible.module_utils.basic import AnsibleModule\nAnsibleModule({})\n"


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Stage:
    """Hold a Pool with a ModuleService."""

    def __init__(self, network: FakeNetwork) -> None:
        router = network.router(0)
        self.service = ModuleService(router)
        self.pool = Pool(router, services=[self.service], size=4)

    def bundle(self, name: str = "one", path: str = "/library/one.py") -> Bundle | None:
        bundle: Bundle | None = self.pool.invoke(ModuleService, "bundle", name=name, path=path)
        return bundle


@pytest.fixture
def stage() -> Iterator[Stage]:
    with FakeNetwork() as network:
        stage = Stage(network)
        yield stage
        stage.pool.close()
        assert stage.pool.join(PATIENCE_S)


class Builds:
    """Stand for compat.module_build.build."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []
        self.go_on = threading.Event()
        self.failures: list[Exception] = []
        self.files: dict[str, bytes] = {"ansible/__init__.py": b"", "one.py": b"code"}

    def __call__(self, name: str, path: str) -> AnsiballZ | None:
        self.calls.append((name, path))
        assert self.go_on.wait(PATIENCE_S)
        if self.failures:
            raise self.failures.pop(0)
        if path.endswith(".sh"):
            return None
        return AnsiballZ(
            fqn=f"ansible.modules.{name}", profile="legacy", files=self.files, shebang=("/usr/bin/python",)
        )


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> Builds:
    builds = Builds()
    monkeypatch.setattr(modules, "build", builds)
    return builds


def asked_by_twenty(stage: Stage, builds: Builds) -> list[Any]:
    """Have twenty threads ask for one module while its only build waits."""
    outcomes: list[Any] = []

    def ask() -> None:
        try:
            outcomes.append(stage.bundle())
        except Exception as error:
            outcomes.append(error)

    threads = [threading.Thread(target=ask) for _ in range(20)]
    for thread in threads:
        thread.start()
    builds.go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(outcomes) == 20
    return outcomes


def test_one_thread_at_a_time_builds_and_any_shorten(
    stage: Stage, builds: Builds, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Building parses Python, which CPython 3.11.7 cannot on two threads at once; shortening does not."""
    free: dict[str, list[bool]] = {"building": [], "shortening": []}

    def look(when: str) -> None:
        def try_lock() -> None:
            free[when].append(loading_lock.acquire(blocking=False))
            if free[when][-1]:
                loading_lock.release()

        other = threading.Thread(target=try_lock)
        other.start()
        other.join(PATIENCE_S)

    def shortened(memory: object, relative: str, digest: str, content: bytes) -> bytes:
        look("shortening")
        return content

    build = modules.build
    monkeypatch.setattr(modules, "build", lambda name, path: look("building") or build(name, path))
    monkeypatch.setattr(BuildMemory, "shortened", shortened)
    builds.go_on.set()
    stage.bundle()
    assert free == {"building": [False], "shortening": [True] * len(builds.files)}


def test_the_next_run_builds_no_module_of_ansible_core_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    set_up()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path / "built"))
    path = str(Path(str(ansible.__file__)).parent / "modules" / "stat.py")

    def run() -> tuple[Bundle | None, bytes]:
        with FakeNetwork() as network:
            stage = Stage(network)
            stage.service.use_cache(str(tmp_path))
            bundle = stage.bundle("stat", path)
            assert bundle is not None
            pack = stage.service.pack(bundle.digests())
            stage.service.save()
            stage.pool.close()
            assert stage.pool.join(PATIENCE_S)
            return bundle, pack

    first = run()
    monkeypatch.setattr(modules, "build", lambda name, path: pytest.fail("built again"))
    assert run() == first


def test_a_module_is_built_once_for_twenty_threads(stage: Stage, builds: Builds) -> None:
    outcomes = asked_by_twenty(stage, builds)
    assert builds.calls == [("one", "/library/one.py")]
    assert len(set(map(id, outcomes))) == 1
    assert isinstance(outcomes[0], Bundle)
    assert stage.service.module_statistics().built == {"/library/one.py": 1}


def test_a_failure_reaches_those_who_wait_and_is_not_kept(stage: Stage, builds: Builds) -> None:
    builds.failures = [AnsibleError("no such module_util")] * 20
    outcomes = asked_by_twenty(stage, builds)
    assert {str(outcome) for outcome in outcomes} == {"no such module_util"}
    builds.failures = []
    assert isinstance(stage.bundle(), Bundle)


def test_that_a_module_is_not_ours_is_remembered(stage: Stage, builds: Builds) -> None:
    builds.go_on.set()
    assert [stage.bundle("x", "/x.sh"), stage.bundle("x", "/x.sh")] == [None, None]
    assert len(builds.calls) == 1


def test_two_files_of_one_name_are_two_modules(stage: Stage, builds: Builds) -> None:
    builds.go_on.set()
    first = stage.bundle("one", "/library/one.py")
    builds.files = {"one.py": b"other code"}
    second = stage.bundle("one", "/roles/r/library/one.py")
    assert first is not None
    assert second is not None
    assert first.name != second.name
    assert first == stage.bundle("one", "/library/one.py")


def test_a_bundle_is_named_by_what_is_in_it(stage: Stage, builds: Builds) -> None:
    builds.go_on.set()
    first, same = stage.bundle("one", "/a.py"), stage.bundle("one", "/b.py")
    assert first is not None
    assert same is not None
    assert first.name == same.name
    assert first.files == (("ansible/__init__.py", digest(b"")), ("one.py", digest(b"code")))
    other = stage.bundle("two", "/a.py")
    assert other is not None
    assert other.name != first.name


# -- packs


def unpack(pack: bytes) -> list[bytes]:
    data = zlib.decompress(pack)
    found = []
    while data:
        length = int.from_bytes(data[:4], "big")
        found.append(data[4 : 4 + length])
        data = data[4 + length :]
    return found


def filled(stage: Stage, builds: Builds, blobs: list[bytes]) -> list[str]:
    builds.go_on.set()
    builds.files = {f"{number}.py": blob for number, blob in enumerate(blobs)}
    stage.bundle("many", "/many.py")
    return [digest(blob) for blob in blobs]


def test_a_pack_holds_the_blobs_in_order(stage: Stage, builds: Builds) -> None:
    blobs = [b"first", b"", b"x" * 70_000]
    digests = filled(stage, builds, blobs)
    assert unpack(stage.service.pack(digests)) == blobs
    assert unpack(stage.service.pack(reversed(digests))) == blobs[::-1]


def test_a_pack_is_made_once_for_twenty_threads(stage: Stage, builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    digests = filled(stage, builds, [b"one", b"two"])
    compressed: list[bytes] = []
    compress = zlib.compress
    arrived, go_on = threading.Event(), threading.Event()

    def slowly(data: bytes, level: int) -> bytes:
        compressed.append(data)
        arrived.set()
        assert go_on.wait(PATIENCE_S)
        return compress(data, level)

    monkeypatch.setattr(zlib, "compress", slowly)
    packs: list[bytes] = []
    threads = [threading.Thread(target=lambda: packs.append(stage.service.pack(digests))) for _ in range(20)]
    for thread in threads:
        thread.start()
    assert arrived.wait(PATIENCE_S)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert len(packs) == 20
    assert len(set(map(id, packs))) == 1
    assert len(compressed) == 1
    statistics = stage.service.module_statistics()
    assert (statistics.packs, statistics.pack_bytes) == (1, len(packs[0]))
    assert not stage.service._packing


def test_packs_are_bounded_in_number(stage: Stage, builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(modules, "_PACKS_KEPT", 3)
    digests = filled(stage, builds, [bytes([number]) for number in range(5)])
    packs = [stage.service.pack([one]) for one in digests[:3]]
    assert stage.service.pack(digests[:1]) is packs[0]
    stage.service.pack(digests[3:4])
    assert stage.service.pack(digests[:1]) is packs[0]
    assert stage.service.pack(digests[1:2]) is not packs[1]
    assert len(stage.service._packs) == 3


def test_packs_are_bounded_in_bytes(stage: Stage, builds: Builds, monkeypatch: pytest.MonkeyPatch) -> None:
    blobs = [hashlib.shake_256(bytes([number])).digest(1000) for number in range(4)]
    digests = filled(stage, builds, blobs)
    monkeypatch.setattr(modules, "_PACKS_KEPT_BYTES", 2500)
    for one in digests:
        stage.service.pack([one])
    assert len(stage.service._packs) == 2
    monkeypatch.setattr(modules, "_PACKS_KEPT_BYTES", 10)
    assert unpack(stage.service.pack(digests)) == blobs
    assert len(stage.service._packs) == 1


def test_a_pack_of_something_unknown_fails_for_everybody_who_asks(stage: Stage) -> None:
    for _ in range(2):
        with pytest.raises(KeyError):
            stage.service.pack(["unknown"])


def test_uses_are_counted(stage: Stage) -> None:
    for path in ("/a.py", "/b.py", "/a.py"):
        stage.service.count_use(path)
    assert stage.service.module_statistics().used == {"/a.py": 2, "/b.py": 1}


# -- with ansible-core


def test_modules_of_ansible_core_share_most_of_their_files(
    stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_up()
    monkeypatch.setattr(C, "DEFAULT_LOCAL_TMP", str(tmp_path / "built"))
    found = []
    for name in ("one", "two"):
        path = tmp_path / f"{name}.py"
        path.write_text(SOURCE + f"# {name}\n")
        bundle = stage.bundle(name, str(path))
        assert bundle is not None
        found.append(bundle)
    first, second = ({one for _path, one in bundle.files} for bundle in found)
    assert len(first - second) == len(second - first) == 1
    files = dict(found[0].files)
    assert files["ansible/modules/one.py" if "ansible/modules/one.py" in files else "ansible/legacy/one.py"] == digest(
        (SOURCE + "# one\n").encode()
    )
    [blob] = unpack(stage.service.pack([files["ansible/module_utils/basic.py"]]))
    assert digest(blob) == files["ansible/module_utils/basic.py"]


def test_a_bundle_is_named_by_its_manifest_which_is_one_of_its_blobs(stage: Stage, builds: Builds) -> None:
    builds.go_on.set()
    bundle = stage.bundle()
    assert bundle is not None
    assert bundle.digests()[0] == bundle.name
    assert len(bundle.digests()) == 1 + len({digest for _path, digest in bundle.files})
    [manifest] = unpack(stage.service.pack([bundle.name]))
    assert hashlib.sha256(manifest).hexdigest() == bundle.name
    about = json.loads(manifest)
    assert about["files"] == [list(pair) for pair in bundle.files]
    assert about["modules"] == list(bundle.preload)
