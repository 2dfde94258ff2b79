# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Only what is marked can be called, only by whom its policy lets in, only with the arguments it takes."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_svc import errors
from ansible_svc.service import (
    AllowAny,
    AllowContexts,
    AllowNobody,
    AllowParents,
    Policy,
    Request,
    Service,
    arg_spec,
    call,
    expose,
    optional,
)
from ansible_svc.service.testing import FakeRequest

from .conftest import Stage

SHARED_GRANTS = AllowContexts()


class OnlyFor(Policy):
    def allows(self, request: Request) -> bool:
        return request.kwargs.get("digest") == "mine"


class Guarded(Service):
    """Have a method for every kind of policy."""

    def __init__(self, router: Any) -> None:
        super().__init__(router)
        self.own_grants = AllowContexts()

    def unmarked(self) -> str:
        return "unmarked"

    @arg_spec({})
    def half_marked(self) -> str:
        return "half"

    @expose()
    def nobody(self) -> str:
        return "nobody"

    @expose(policy=AllowParents())
    def parents(self) -> str:
        return "parents"

    @expose(policy=AllowAny())
    def anyone(self) -> str:
        return "anyone"

    @expose(policy=SHARED_GRANTS)
    def shared(self) -> str:
        return "shared"

    @expose(policy="own_grants")
    def own(self) -> str:
        return "own"

    @expose(policy=[AllowParents(), AllowContexts(2)])
    def several(self) -> str:
        return "several"

    @expose(policy=OnlyFor())
    def by_argument(self, digest: str) -> str:
        return digest

    @expose(policy=AllowAny())
    def overridden(self) -> str:
        return "base"

    @arg_spec(
        {"path": str, "size": (int, None), "ratio": optional(float), "flag": optional(bool), "any": optional(object)}
    )
    @expose(policy=AllowAny())
    def typed(self, **kwargs: Any) -> dict[str, Any]:
        return kwargs

    @expose(policy=AllowAny(), wants_request=True)
    def by_signature(self, path: str, *, request: Request, mode: int = 0) -> list[Any]:
        return [path, mode, request.caller_id]


class Stricter(Guarded):
    """Override an exposed method without marking it again."""

    def overridden(self) -> str:
        return "override"


def ask(stage: Stage, host: int, method: str, **kwargs: Any) -> Any:
    return call(stage.up(stage.host(host)), Guarded, method, **kwargs)


@pytest.mark.parametrize(
    "method",
    [
        "unmarked",
        "half_marked",
        "no_such_method",
        "",
        "__init__",
        "__class__",
        "own_grants",
        "on_shutdown",
        "name",
        "select",
    ],
)
def test_what_is_not_exposed_cannot_be_called(stage: Stage, method: str) -> None:
    stage.pool(Guarded)
    with pytest.raises(errors.UnknownMethodError):
        ask(stage, 1, method)


def test_an_override_that_is_not_marked_cannot_be_called(stage: Stage) -> None:
    stage.pool(Stricter)
    with pytest.raises(errors.UnknownMethodError):
        call(stage.up(stage.host(1)), Stricter, "overridden")


def test_without_a_policy_nobody_is_let_in(stage: Stage) -> None:
    host = stage.host(1)
    stage.pool(Guarded, router=host)
    with pytest.raises(PermissionError):
        call(stage.controller.context_by_id(1), Guarded, "nobody")
    with pytest.raises(errors.RefusedError):
        call(host.context_by_id(1), Guarded, "nobody")


def test_parents_and_this_process_are_let_in_as_parents(stage: Stage) -> None:
    host = stage.host(1)
    stage.pool(Guarded, router=host)
    assert call(stage.controller.context_by_id(1), Guarded, "parents") == "parents"
    assert call(host.context_by_id(1), Guarded, "parents") == "parents"


def test_children_are_not_let_in_as_parents(stage: Stage) -> None:
    stage.pool(Guarded)
    with pytest.raises(errors.RefusedError):
        ask(stage, 1, "parents")


def test_anyone_is_let_in_as_anyone(stage: Stage) -> None:
    stage.pool(Guarded)
    assert ask(stage, 1, "anyone") == "anyone"


def test_grants_change_while_the_pool_runs(stage: Stage) -> None:
    pool = stage.pool(Guarded)
    service = pool.service(Guarded)
    for grants, method in ((SHARED_GRANTS, "shared"), (service.own_grants, "own")):
        with pytest.raises(errors.RefusedError):
            ask(stage, 1, method)
        grants.grant(1, 3)
        assert grants.context_ids == {1, 3}
        assert ask(stage, 1, method) == method
        with pytest.raises(errors.RefusedError):
            ask(stage, 2, method)
        grants.revoke(1, 99)
        with pytest.raises(errors.RefusedError):
            ask(stage, 1, method)
        grants.revoke(3)


def test_one_of_several_policies_is_enough(stage: Stage) -> None:
    stage.pool(Guarded)
    assert ask(stage, 2, "several") == "several"
    with pytest.raises(errors.RefusedError):
        ask(stage, 1, "several")


def test_policies_can_be_joined() -> None:
    joined = AllowContexts(1) | AllowContexts(2) | AllowNobody()
    assert [joined.allows(FakeRequest(caller_id=number)) for number in (1, 2, 3)] == [True, True, False]


def test_a_policy_may_look_at_the_arguments(stage: Stage) -> None:
    stage.pool(Guarded)
    assert ask(stage, 1, "by_argument", digest="mine") == "mine"
    with pytest.raises(errors.RefusedError):
        ask(stage, 1, "by_argument", digest="theirs")


def test_a_refusal_is_logged_without_arguments(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    stage.pool(Guarded)
    with pytest.raises(errors.RefusedError):
        ask(stage, 1, "by_argument", digest="hunter2")
    assert "context 1" in caplog.text
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize(
    "arguments",
    [
        {"path": "p", "size": 1},
        {"path": "p", "size": None},
        {"path": "", "size": 0, "ratio": 1.5, "flag": True, "any": [True]},
        {"path": "p", "size": 1, "ratio": 2, "any": True},
    ],
)
def test_arguments_that_fit_are_passed(stage: Stage, arguments: dict[str, Any]) -> None:
    stage.pool(Guarded)
    assert ask(stage, 1, "typed", **arguments) == arguments


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ({}, "path"),
        ({"path": "p"}, "size"),
        ({"path": b"p", "size": 1}, "path"),
        ({"path": None, "size": 1}, "path"),
        ({"path": "p", "size": "1"}, "size"),
        ({"path": "p", "size": True}, "size"),
        ({"path": "p", "size": 1.0}, "size"),
        ({"path": "p", "size": 1, "ratio": "1.5"}, "ratio"),
        ({"path": "p", "size": 1, "ratio": True}, "ratio"),
        ({"path": "p", "size": 1, "flag": 1}, "flag"),
        ({"path": "p", "size": 1, "flag": None}, "flag"),
        ({"path": "p", "size": 1, "more": 1}, "more"),
        ({"path": "p", "size": 1, "self": 1}, "self"),
        ({"path": "p", "size": 1, "request": 1}, "request"),
    ],
)
def test_arguments_that_do_not_fit_are_named(stage: Stage, arguments: dict[str, Any], culprit: str) -> None:
    stage.pool(Guarded)
    with pytest.raises(TypeError, match=repr(culprit)) as caught:
        ask(stage, 1, "typed", **arguments)
    assert isinstance(caught.value, errors.ArgumentError)


def test_an_argument_error_quotes_no_value(stage: Stage) -> None:
    stage.pool(Guarded)
    with pytest.raises(errors.ArgumentError) as caught:
        ask(stage, 1, "typed", path=["hunter2"], size=1)
    assert "hunter2" not in str(caught.value)


def test_without_a_spec_the_signature_says_what_a_method_takes(stage: Stage) -> None:
    stage.pool(Guarded)
    assert ask(stage, 1, "by_signature", path="p") == ["p", 0, 1]
    assert ask(stage, 1, "by_signature", path="p", mode=1) == ["p", 1, 1]
    for wrong in ({}, {"path": "p", "more": 1}, {"path": "p", "request": {}}, {"path": "p", "self": {}}):
        with pytest.raises(errors.ArgumentError):
            ask(stage, 1, "by_signature", **wrong)
