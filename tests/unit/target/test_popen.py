# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which functions between fork and exec are left out."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from ansible.module_utils import basic

from ansible_svc.target.popen import does_nothing


class Started(Exception):
    """Stands for the start of a program."""


def preexec_of_run_command(monkeypatch: pytest.MonkeyPatch, **options: Any) -> object:
    """Return what AnsibleModule.run_command wants to be called between fork and exec."""
    given: list[object] = []

    def popen(*_args: object, preexec_fn: object = None, **_options: object) -> None:
        given.append(preexec_fn)
        raise Started

    module: Any = basic.AnsibleModule.__new__(basic.AnsibleModule)
    module._debug = False
    module._shell = None
    module.run_command_environ_update = {}
    monkeypatch.setattr(subprocess, "Popen", popen)
    with pytest.raises(Started):
        module.run_command(["true"], handle_exceptions=False, **options)
    return given[0]


def test_that_of_run_command_does_nothing_without_a_umask(monkeypatch: pytest.MonkeyPatch) -> None:
    """Should ansible-core's function change one day, modules get slower, not wrong; this test tells."""
    assert does_nothing(preexec_of_run_command(monkeypatch))


def test_that_of_run_command_with_a_umask_does_something(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not does_nothing(preexec_of_run_command(monkeypatch, umask=0o22))


def closing_over(umask: int | None) -> dict[str, Callable[[], Any]]:
    def other_call() -> None:
        if umask:
            os.nice(umask)

    def always() -> None:
        os.umask(umask or 0)

    def something_else() -> None:
        if umask:
            os.umask(umask)
        os.setsid()

    return {"another call": other_call, "always": always, "more": something_else, "a lambda": lambda: os.umask(0)}


@pytest.mark.parametrize("name", closing_over(None))
def test_other_functions_are_called(name: str) -> None:
    assert not does_nothing(closing_over(None)[name])


@pytest.mark.parametrize("value", [None, os.setsid, 1, "text", int])
def test_what_is_no_function_of_python_is_passed_on(value: object) -> None:
    assert not does_nothing(value)
