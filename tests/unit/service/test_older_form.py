# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Services with a handle, required_args and dispatch work, too."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from ansible_svc import errors
from ansible_svc.service import AllowContexts, SerializedInvoker, Service, call, expose
from ansible_svc.service.policy import AllowAny

from .conftest import Stage, eventually


class FileService(Service):
    handle = 500
    required_args: ClassVar[dict[str, Any]] = {"path": str}

    def dispatch(self, args: dict[str, Any], msg: Any) -> Any:
        if args["path"] == "missing":
            raise FileNotFoundError(args["path"])
        return {"path": args["path"], "caller": msg.src_id, "data": b"content"}

    @expose(policy=AllowAny())
    def modern(self) -> str:
        return "both forms"


class Granted(FileService):
    handle = 501
    policy = AllowContexts(2)
    invoker_class = SerializedInvoker


def test_a_call_by_handle(stage: Stage) -> None:
    pool = stage.pool(FileService, size=1)
    up = stage.up(stage.host(1))
    assert call(up, 500, {"path": "x"}) == {"path": "x", "caller": 1, "data": b"content"}
    assert call(up, FileService.handle, {"path": "x"}, timeout_s=5)["caller"] == 1
    eventually(lambda: pool.statistics().services[FileService.name()]["dispatch"].calls == 2)


def test_errors_arrive(stage: Stage) -> None:
    stage.pool(FileService)
    with pytest.raises(FileNotFoundError):
        call(stage.up(stage.host(1)), 500, {"path": "missing"})


@pytest.mark.parametrize("args", [{}, {"path": 1}, {"path": None}, {"path": "x", "more": 1}, {"path": True}])
def test_arguments_are_checked(stage: Stage, args: dict[str, Any]) -> None:
    stage.pool(FileService)
    with pytest.raises(errors.ArgumentError):
        call(stage.up(stage.host(1)), 500, args)


def test_a_handle_is_not_called_with_a_method(stage: Stage) -> None:
    stage.pool(FileService)
    with pytest.raises(errors.UnknownMethodError):
        call(stage.up(stage.host(1)), 500, "modern")


def test_an_unknown_handle_is_an_error(stage: Stage) -> None:
    stage.pool(FileService)
    with pytest.raises(errors.UnknownServiceError):
        call(stage.up(stage.host(1)), 499, {"path": "x"})


def test_a_service_may_have_both_forms(stage: Stage) -> None:
    stage.pool(FileService)
    assert call(stage.up(stage.host(1)), FileService, "modern") == "both forms"
    with pytest.raises(errors.UnknownMethodError):
        call(stage.up(stage.host(1)), FileService, "dispatch", args={}, msg=None)


def test_a_policy_and_an_invoker_may_be_chosen(stage: Stage) -> None:
    stage.pool(Granted)
    assert call(stage.up(stage.host(2)), 501, {"path": "x"})["caller"] == 2
    with pytest.raises(errors.RefusedError):
        call(stage.up(stage.host(1)), 501, {"path": "x"})


def test_a_handle_is_taken_once(stage: Stage) -> None:
    class Other(FileService):
        pass

    pool = stage.pool(FileService)
    with pytest.raises(ValueError, match="500"):
        pool.add(Other(stage.controller))
