# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options of strategy plugins."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible import constants as C
from ansible.errors import AnsibleOptionsError

from ansible_svc.compat.options import options_of, strategy_options
from ansible_svc.plugins.strategy import svc_free, svc_host_pinned, svc_linear

DOCUMENTATION = """
name: svc_sample
options:
  words:
    description: Words.
    type: list
    elements: str
    default: []
    env:
      - name: SVC_SAMPLE_WORDS
    ini:
      - section: svc_sample
        key: words
  number:
    description: A number.
    type: int
    default: 4
    env:
      - name: SVC_SAMPLE_NUMBER
"""


def test_defaults() -> None:
    assert strategy_options("svc_sample", DOCUMENTATION) == {"words": [], "number": 4}


def test_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVC_SAMPLE_WORDS", "one, two")
    monkeypatch.setenv("SVC_SAMPLE_NUMBER", "5")
    assert strategy_options("svc_sample", DOCUMENTATION) == {"words": ["one", "two"], "number": 5}


def test_configuration_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "ansible.cfg"
    path.write_text("[svc_sample]\nwords = three\n")
    monkeypatch.setattr(C, "config", type(C.config)(str(path)))
    assert strategy_options("svc_sample", DOCUMENTATION) == {"words": ["three"], "number": 4}


def test_a_value_of_the_wrong_type(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SVC_SAMPLE_NUMBER", "many")
    with pytest.raises(AnsibleOptionsError, match="number"):
        strategy_options("svc_sample", DOCUMENTATION)


@pytest.mark.parametrize("plugin", [svc_linear, svc_free, svc_host_pinned], ids=lambda plugin: plugin.__name__)
def test_our_strategies_have_the_same_options(plugin: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_SVC_FORK_ACTIONS", "copy,ns.col.thing")
    monkeypatch.setenv("ANSIBLE_SVC_STATS_FILE", "/x/stats.json")
    options = options_of(plugin.StrategyModule)  # type: ignore[attr-defined]
    assert options == {
        "stats_file": "/x/stats.json",
        "fork_actions": ["copy", "ns.col.thing"],
        "thread_actions": [],
        "thread_lookups": [],
        "runners": "reuse",
        "connections": 1000,
        "cache": True,
        "cache_dir": "~/.cache/ansible_svc",
        "cache_size": 128,
    }
