# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plugins may be loaded by several threads, and what was found is remembered."""

from __future__ import annotations

import builtins
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.plugins import loader

from ansible_svc.compat import plugin_loading
from ansible_svc.compat.plugin_loading import prepare_loaders
from tests.unit.ansible_setup import set_up

PATIENCE_S = 20.0
SLOW = """
import threading
STARTED.set()
assert GO_ON.wait(20)
from ansible.plugins.action.normal import ActionModule as Normal


class ActionModule(Normal):
    pass
"""


@pytest.fixture(autouse=True)
def _serialised() -> Iterator[None]:
    set_up()
    before = {id(one): dict(vars(one)) for _name, one in loader.get_all_plugin_loaders()}
    prepare_loaders()
    yield
    for _name, one in loader.get_all_plugin_loaders():
        for name in ("_load_module_source", "find_plugin_with_context", "all"):
            if name not in before[id(one)]:
                vars(one).pop(name, None)


def test_doing_it_again_changes_nothing() -> None:
    before = [vars(one)["_load_module_source"] for _name, one in loader.get_all_plugin_loaders()]
    prepare_loaders()
    assert [vars(one)["_load_module_source"] for _name, one in loader.get_all_plugin_loaders()] == before
    assert before


def test_nobody_sees_half_a_plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started, go_on = threading.Event(), threading.Event()
    monkeypatch.setattr(builtins, "STARTED", started, raising=False)
    monkeypatch.setattr(builtins, "GO_ON", go_on, raising=False)
    (tmp_path / "svc_slow.py").write_text(SLOW)
    monkeypatch.setattr(loader.action_loader, "_extra_dirs", [str(tmp_path), *loader.action_loader._extra_dirs])
    monkeypatch.setattr(loader.action_loader, "_paths", None)
    found: list[object] = []

    def load() -> None:
        found.append(loader.action_loader.get("svc_slow", class_only=True))

    threads = [threading.Thread(target=load) for _ in range(8)]
    for thread in threads:
        thread.start()
    assert started.wait(PATIENCE_S)
    go_on.set()
    for thread in threads:
        thread.join(PATIENCE_S)
    for name in [name for name in sys.modules if name.endswith("svc_slow")]:
        del sys.modules[name]
    assert len(found) == 8
    assert None not in found


def test_a_plugin_is_found_while_another_thread_looks_through_its_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """PluginLoader asks its cache, then goes through the folders that nobody has searched: two steps."""
    (tmp_path / "svc_found.py").write_text("class ActionModule:\n    pass\n")
    action_loader = loader.action_loader
    monkeypatch.setattr(action_loader, "_extra_dirs", [str(tmp_path), *action_loader._extra_dirs])
    monkeypatch.setattr(action_loader, "_paths", None)
    paths = action_loader._get_paths_with_context
    between, other_is_done = threading.Event(), threading.Event()

    def slow_for_one_thread(*args: object, **kwargs: object) -> object:
        if threading.current_thread().name == "slow":
            between.set()
            # Where searching is guarded the other thread comes later, and this wait is in vain.
            other_is_done.wait(0.3)
        return paths(*args, **kwargs)

    monkeypatch.setattr(action_loader, "_get_paths_with_context", slow_for_one_thread)
    found: dict[str, object] = {}

    def find() -> None:
        found[threading.current_thread().name] = action_loader.find_plugin("svc_found")

    slow = threading.Thread(target=find, name="slow")
    slow.start()
    assert between.wait(PATIENCE_S)

    def find_and_tell() -> None:
        find()
        other_is_done.set()

    other = threading.Thread(target=find_and_tell, name="other")
    other.start()
    for thread in (slow, other):
        thread.join(PATIENCE_S)
    path = str(tmp_path / "svc_found.py")
    assert found == {"slow": path, "other": path}


def test_plugins_load_plugins() -> None:
    """A plugin may load another while it is loaded itself."""
    assert loader.action_loader.get("normal", class_only=True) is not None
    assert loader.filter_loader.get("ansible.builtin.combine") is not None


# -- what is remembered


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """Return a folder that the action loader looks through, as the last thing it was told."""
    action_loader = loader.action_loader
    before = list(action_loader._extra_dirs)
    action_loader.add_directory(str(tmp_path))
    yield tmp_path
    action_loader._extra_dirs[:] = before
    action_loader._clear_caches()


def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    names: list[str] = []
    real = loader.action_loader._resolve_plugin_step

    def step(name: str, *args: object, **kwargs: object) -> object:
        names.append(name)
        return real(name, *args, **kwargs)

    monkeypatch.setattr(loader.action_loader, "_resolve_plugin_step", step)
    return names


def test_a_plugin_is_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    names = counted(monkeypatch)
    first, second = (loader.action_loader.find_plugin_with_context("ansible.builtin.normal") for _ in range(2))
    assert (first.resolved, first.plugin_resolved_path) == (True, second.plugin_resolved_path)
    assert len(names) <= 1


def test_a_plugin_that_is_not_there_may_come(folder: Path) -> None:
    name = "svc_late"
    assert loader.action_loader.find_plugin(name) is None
    (folder / "more").mkdir()
    (folder / "more" / f"{name}.py").write_text("class ActionModule:\n    pass\n")
    loader.action_loader.add_directory(str(folder / "more"))
    assert loader.action_loader.find_plugin(name) == str(folder / "more" / f"{name}.py")


def test_another_folder_may_come_first(folder: Path) -> None:
    assert loader.action_loader.find_plugin("ansible.legacy.normal") != str(folder / "more" / "normal.py")
    (folder / "more").mkdir()
    (folder / "more" / "normal.py").write_text("class ActionModule:\n    pass\n")
    loader.action_loader.add_directory(str(folder / "more"))
    assert loader.action_loader.find_plugin("ansible.legacy.normal") == str(folder / "more" / "normal.py")


def test_a_lookup_with_collections_is_another_one() -> None:
    assert loader.action_loader.find_plugin("normal", collection_list=["ansible.builtin"]) is not None
    assert loader.action_loader.find_plugin("normal", collection_list=["no.such"]) is None


def test_at_vv_ansible_core_tells_each_time_how_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugin_loading.display, "verbosity", 2)
    names = counted(monkeypatch)
    for _again in range(3):
        loader.action_loader.find_plugin("ansible.builtin.normal")
    assert len(names) == 3


def test_a_new_file_in_a_folder_is_listed(folder: Path) -> None:
    before = list(loader.action_loader.all(path_only=True))
    assert list(loader.action_loader.all(path_only=True)) == before
    assert any(path.endswith("/normal.py") for path in before)
    (folder / "svc_new.py").write_text("")
    os.utime(folder, ns=(1, 1))  # whatever the clock's resolution
    assert set(loader.action_loader.all(path_only=True)) - set(before) == {str(folder / "svc_new.py")}
