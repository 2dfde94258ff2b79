# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Options that are remembered are those that ansible-core would work out again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest
from ansible.playbook.play_context import PlayContext
from ansible.plugins.loader import become_loader, connection_loader, shell_loader
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ansible_svc.engine import option_memory
from ansible_svc.engine.option_memory import remember_options, set_options
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


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["shell", "become"]),
    st.lists(
        st.tuples(
            _KEYWORDS | st.fixed_dictionaries({"become_user": _TEXT}, optional={"become_flags": _TEXT}),
            st.fixed_dictionaries(
                {},
                optional={
                    "ansible_remote_tmp": _TEXT,
                    "ansible_admin_users": st.sampled_from(["a,b", ""]),
                    "ansible_system_tmpdirs": st.sampled_from(["/a,/b/", "not/absolute"]),
                    "ansible_become_user": _TEXT,
                    "ansible_sudo_flags": _TEXT,
                },
            ),
        )
    ),
)
def test_so_are_those_of_shells_and_become_plugins(kind: str, inputs: list[tuple[dict[str, Any], Any]]) -> None:
    def fresh() -> Any:
        return shell_loader.get("sh") if kind == "shell" else become_loader.get("sudo")

    for task_keys, var_options in inputs:
        for _again in range(2):
            plain, remembering = fresh(), fresh()
            remember_options(remembering)
            told = []
            for one in (plain, remembering):
                try:
                    one.set_options(task_keys=task_keys, var_options=var_options)
                except Exception as error:
                    told.append((type(error), str(error)))
                else:
                    types = {name: type(value) for name, value in one._options.items()}
                    told.append((dict(one._options), types, dict(one._origins)))
            assert told[0] == told[1]


def test_lists_are_copies() -> None:
    for expected in (["/var/tmp", "/tmp"], ["/var/tmp", "/tmp"]):
        shell = shell_loader.get("sh")
        remember_options(shell)
        shell.set_options(task_keys={}, var_options={})
        assert shell.get_option("system_tmpdirs") == expected
        shell.get_option("system_tmpdirs").append("/elsewhere")


def test_other_plugins_set_their_options_themselves() -> None:
    for other in (shell_loader.get("powershell"), become_loader.get("su"), None):
        remember_options(other)
        assert other is None or "set_options" not in vars(other)


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
