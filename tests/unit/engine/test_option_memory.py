# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that are remembered are those that ansible-core would work out again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import connection_loader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_svc.engine import option_memory
from ansible_svc.engine.option_memory import set_options
from tests.unit.ansible_setup import set_up

_TEXT = st.sampled_from(["", "a", "1", "True", "no", "/x y", "{{ not_templated_here }}"])
_NUMBER = st.sampled_from([0, 1, 10, 22])
_VARIABLES = st.fixed_dictionaries(
    {},
    optional={
        "ansible_host": _TEXT,
        "ansible_port": _NUMBER | st.sampled_from(["22", "2222"]),
        "ansible_user": _TEXT,
        "ansible_ssh_user": _TEXT,
        "ansible_pipelining": st.booleans() | st.sampled_from(["yes", "no", 1, 0, 1.0]),
        "ansible_ssh_pipelining": st.booleans(),
        "ansible_ssh_args": _TEXT,
        "ansible_ssh_timeout": _NUMBER,
        "ansible_password": _TEXT,
        "ansible_ssh_private_key_file": _TEXT,
    },
)
_KEYWORDS = st.fixed_dictionaries(
    {},
    optional={
        "remote_user": _TEXT | st.none(),
        "port": _NUMBER | st.none(),
        "timeout": _NUMBER,
        "name": _TEXT,
        "environment": st.just([{"A": "b"}]),
    },
)


@pytest.fixture(autouse=True)
def _empty() -> Iterator[None]:
    set_up()
    option_memory._known.clear()
    yield
    option_memory._known.clear()


def plugin(name: str) -> Any:
    return connection_loader.get(name, PlayContext(), os.devnull)


def asked(name: str, calls: list[Any] | None = None, **inputs: Any) -> tuple[Any, Any]:
    one = plugin(name)

    def work_out(**given: Any) -> None:
        if calls is not None:
            calls.append(given)
        one.__class__.set_options(one, **given)

    set_options(one, work_out, inputs.get("task_keys"), inputs.get("var_options"), inputs.get("direct"))
    return one._options, one._origins


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["ansible.builtin.ssh", "ansible.builtin.local"]), st.lists(st.tuples(_KEYWORDS, _VARIABLES)))
def test_they_are_what_ansible_core_works_out(name: str, inputs: list[tuple[dict[str, Any], dict[str, Any]]]) -> None:
    """The memory stays from input to input, and from example to example."""
    for task_keys, var_options in inputs:
        plain = plugin(name)
        failure = None
        try:
            plain.set_options(task_keys=task_keys, var_options=var_options)
        except Exception as error:
            failure = str(error)
        for _again in range(2):
            if failure is not None:
                with pytest.raises(Exception, match="") as caught:
                    asked(name, task_keys=task_keys, var_options=var_options)
                assert str(caught.value) == failure
                continue
            options, origins = asked(name, task_keys=task_keys, var_options=var_options)
            assert options == plain._options
            assert {key: type(value) for key, value in options.items()} == {
                key: type(value) for key, value in plain._options.items()
            }
            assert origins == plain._origins


def test_equal_inputs_are_worked_out_once() -> None:
    calls: list[Any] = []
    for name in ("a", "b", "c"):  # not an option of the plugin
        asked(
            "ssh",
            calls,
            task_keys={"remote_user": "me", "name": name},
            var_options={"ansible_host": "h", "_extras": {}},
        )
    assert len(calls) == 1


def test_what_one_object_changes_is_its_own() -> None:
    first, _ = asked("ssh", var_options={"ansible_host": "h"})
    first["host"] = "another"
    second, _ = asked("ssh", var_options={"ansible_host": "h"})
    assert second["host"] == "h"


@pytest.mark.parametrize("value", [["list"], {"a": 1}, object()])
def test_values_that_are_not_simple_are_not_remembered(value: Any) -> None:
    calls: list[Any] = []
    for _again in range(2):
        asked("ssh", calls, var_options={"ansible_not_an_option": value})
    assert len(calls) == 2


def test_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(option_memory, "_ENTRIES", 3)
    for number in range(10):
        asked("ssh", var_options={"ansible_host": f"h{number}"})
    assert len(option_memory._known) <= 3
