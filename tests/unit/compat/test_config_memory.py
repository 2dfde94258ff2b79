# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Settings that are remembered are those that ansible-core would work out again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
from ansible.config.manager import ConfigManager
from ansible.module_utils._internal._datatag import AnsibleTagHelper
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_svc.compat.config_memory import _Memory

_CFG = """[defaults]
display_traceback = error, warning
no_target_syslog = yes
forks = 7
remote_tmp = ~/elsewhere
"""
_PLUGIN = {
    "remote_tmp": {
        "default": "~/.ansible/tmp",
        "env": [{"name": "ANSIBLE_REMOTE_TMP"}],
        "ini": [{"section": "defaults", "key": "remote_tmp"}],
        "vars": [{"name": "ansible_remote_tmp"}],
    },
    "users": {"default": ["root", "toor"], "type": "list", "vars": [{"name": "ansible_users"}], "aliases": ["people"]},
    "count": {"type": "int", "default": 3, "env": [{"name": "COUNT"}], "keyword": [{"name": "how_many"}]},
    "templated": {"default": "{{ word }}", "vars": [{"name": "ansible_templated"}]},
    "needed": {"required": True, "env": [{"name": "NEEDED"}]},
    "folder": {"type": "path", "default": "{{CWD}}/x"},
    "old": {
        "default": "no",
        "env": [{"name": "OLD"}],
        "deprecated": {"why": "age", "version": "9"},
    },
    "chosen": {"default": "a", "choices": ["a", "b"], "env": [{"name": "CHOSEN"}]},
}
_BASE = (
    "DISPLAY_TRACEBACK",
    "DEFAULT_NO_TARGET_SYSLOG",
    "DEFAULT_FORKS",
    "TARGET_LOG_INFO",
    "INTERPRETER_PYTHON_FALLBACK",
)
_VALUES = st.sampled_from(["a", "b", "4", "x,y", None, "", 5, ["l"], True])
_ENVIRONMENT = st.fixed_dictionaries(
    {},
    optional={
        name: st.sampled_from(["", "4", "b", "error,always"])
        for name in ("ANSIBLE_REMOTE_TMP", "COUNT", "NEEDED", "OLD", "CHOSEN", "ANSIBLE_DISPLAY_TRACEBACK")
    },
)
_VARIABLES = st.none() | st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(
        ("ansible_remote_tmp", "ansible_users", "ansible_templated", "word", "ansible_no_target_syslog"), _VALUES
    ),
)
_KEYWORDS = st.none() | st.fixed_dictionaries(
    {}, optional=dict.fromkeys(("how_many", "count", "people", "chosen", "name"), _VALUES)
)
_DIRECT = st.none() | st.fixed_dictionaries({}, optional={"count": _VALUES, "people": _VALUES})
_QUESTIONS = st.tuples(
    st.sampled_from([(name, None, None) for name in _BASE] + [(name, "shell", "toy") for name in [*_PLUGIN, "none"]]),
    _ENVIRONMENT,
    _VARIABLES,
    _KEYWORDS,
    _DIRECT,
)


@pytest.fixture
def config(tmp_path: Path) -> Iterator[Any]:
    path = tmp_path / "ansible.cfg"
    path.write_text(_CFG)
    manager = ConfigManager(str(path))
    manager.initialize_plugin_configuration_definitions("shell", "toy", _PLUGIN)
    yield manager


def _answer(ask: Any, question: Any) -> Any:
    (name, kind, plugin), environment, variables, keywords, direct = question
    with mock.patch.dict(os.environ, environment):
        try:
            value, origin = ask(
                name, plugin_type=kind, plugin_name=plugin, keys=keywords, variables=variables, direct=direct
            )
        except Exception as error:
            return type(error), str(error)
    items = value if isinstance(value, list) else []
    tags = [sorted(map(repr, AnsibleTagHelper.tags(one))) for one in (value, *items)]
    return type(value), value, origin, tags


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(_QUESTIONS, min_size=1, max_size=12))
def test_they_are_what_ansible_core_works_out(config: Any, questions: list[Any]) -> None:
    memory = _Memory(config)
    for question in [*questions, *questions]:
        assert _answer(memory.get_config_value_and_origin, question) == _answer(
            config.get_config_value_and_origin, question
        )


def test_equal_questions_are_worked_out_once(config: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    work_out = mock.Mock(side_effect=config.get_config_value_and_origin)
    monkeypatch.setattr(config, "get_config_value_and_origin", work_out)
    memory = _Memory(config)
    for variables in ({"a": 1}, {"b": 2}, None):
        assert memory.get_config_value_and_origin("DISPLAY_TRACEBACK", variables=variables)[0] == ["error", "warning"]
    assert work_out.call_count == 1


def test_what_one_caller_changes_is_its_own(config: Any) -> None:
    memory = _Memory(config)
    first, _ = memory.get_config_value_and_origin("users", plugin_type="shell", plugin_name="toy")
    first.append("me")
    assert memory.get_config_value_and_origin("users", plugin_type="shell", plugin_name="toy")[0] == ["root", "toor"]


def test_new_definitions_of_a_plugin_count(config: Any) -> None:
    memory = _Memory(config)
    ask = {"plugin_type": "shell", "plugin_name": "toy"}
    assert memory.get_config_value_and_origin("count", **ask)[0] == 3
    assert memory.get_plugin_vars("shell", "toy") == ["ansible_remote_tmp", "ansible_users", "ansible_templated"]
    assert memory.get_plugin_options_from_var("shell", "toy", "ansible_users") == ["users"]
    config.initialize_plugin_configuration_definitions(
        "shell", "toy", {"count": {"type": "int", "default": 4, "vars": [{"name": "v"}]}}
    )
    assert memory.get_config_value_and_origin("count", **ask)[0] == 4
    assert memory.get_plugin_vars("shell", "toy") == ["v"]
    assert memory.get_plugin_options_from_var("shell", "toy", "ansible_users") == []


def test_each_use_of_a_deprecated_setting_is_told(config: Any) -> None:
    memory = _Memory(config)
    told = len(config.DEPRECATED)  # one list for all managers
    with mock.patch.dict(os.environ, {"OLD": "yes"}):
        for _ in range(2):
            memory.get_config_value_and_origin("old", plugin_type="shell", plugin_name="toy")
    assert [name for name, _ in config.DEPRECATED[told:]] == ["old", "old"]
