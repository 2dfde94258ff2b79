# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A parent's first call brings a service up, once; nobody else's does."""

from __future__ import annotations

import re

import pytest

from ansible_svc import errors
from ansible_svc.service import call, call_async

from . import activated
from .conftest import PATIENCE_S, Stage, eventually, settled

PACKAGE = activated.__name__.rpartition(".")[0]


@pytest.fixture(autouse=True)
def fresh() -> None:
    activated.constructed.clear()
    activated.may_construct.clear()
    activated.constructing.clear()


def test_the_first_call_of_a_parent_activates(stage: Stage) -> None:
    host = stage.host(1)
    stage.pool(router=host, activation_packages=[PACKAGE])
    down = stage.controller.context_by_id(1)
    assert activated.constructed == []
    for value in (1, 2):
        assert call(down, activated.Plain, "echo", value=value) == value
    assert activated.constructed == ["Plain"]


def test_others_may_use_what_a_parent_has_activated(stage: Stage) -> None:
    host = stage.host(1)
    grandchild = stage.network.router(2, parent_ids=[1, 0])
    stage.pool(router=host, activation_packages=[PACKAGE])
    up = grandchild.context_by_id(1)
    with pytest.raises(errors.NotActivatedError):
        call(up, activated.Plain, "echo", value=1)
    assert activated.constructed == []
    assert call(stage.controller.context_by_id(1), activated.Plain, "echo", value=1) == 1
    assert call(up, activated.Plain, "echo", value=2) == 2


@pytest.mark.parametrize("name", ["os.path", "os.system", PACKAGE, PACKAGE + "x.Plain", "."])
def test_only_the_allowed_packages_are_imported(stage: Stage, name: str) -> None:
    stage.pool(router=stage.host(1), activation_packages=[PACKAGE])
    with pytest.raises(errors.UnknownServiceError):
        call(stage.controller.context_by_id(1), name, "echo")


@pytest.mark.parametrize("attribute", ["NoService", "ALIAS", "constructed", "Missing", ""])
def test_only_services_are_activated(stage: Stage, attribute: str) -> None:
    stage.pool(router=stage.host(1), activation_packages=[PACKAGE])
    with pytest.raises(errors.UnknownServiceError):
        call(stage.controller.context_by_id(1), "%s.%s" % (activated.__name__, attribute), "echo")


def test_a_pool_made_by_hand_activates_nothing(stage: Stage) -> None:
    pool = stage.pool()
    with pytest.raises(errors.UnknownServiceError):
        pool.invoke(activated.Plain, "echo", value=1)


def test_packages_can_be_allowed_later(stage: Stage) -> None:
    pool = stage.pool()
    pool.activator.allow([PACKAGE])
    pool.activator.allow([PACKAGE])
    assert pool.activator.packages == (PACKAGE,)
    assert pool.invoke(activated.Plain, "echo", value=1) == 1


@pytest.mark.parametrize(
    "name",
    [
        "%s.Broken" % activated.__name__,
        "%s.Reluctant" % activated.__name__,
        "%s.ExitsAtStart" % activated.__name__,
        "%s.exits.Service" % PACKAGE,
        "%s.no_such_module.Service" % PACKAGE,
    ],
)
def test_a_failure_is_an_error_with_its_traceback_and_is_not_kept(stage: Stage, name: str) -> None:
    stage.pool(router=stage.host(1), size=1, activation_packages=[PACKAGE])
    for _ in range(2):
        with pytest.raises(ImportError) as caught:
            call(stage.controller.context_by_id(1), name, "echo", timeout_s=PATIENCE_S)
        assert isinstance(caught.value, errors.ActivationError)
        assert re.search("Error|SystemExit", caught.value.remote_traceback or "")


def test_calls_that_come_meanwhile_wait_without_a_thread(stage: Stage) -> None:
    pool = stage.pool(router=stage.host(1), size=2, activation_packages=[PACKAGE])
    down = stage.controller.context_by_id(1)
    calls = [call_async(down, activated.Slow, "echo", value=value) for value in range(10)]
    assert activated.constructing.wait(PATIENCE_S)
    eventually(lambda: settled(pool))
    assert call(down, activated.Plain, "echo", value=1) == 1
    activated.may_construct.set()
    assert [item.result(PATIENCE_S) for item in calls] == list(range(10))
    assert sorted(activated.constructed) == ["Plain", "Plain"]


def test_a_service_that_exits_fails_all_who_wait_for_it(stage: Stage) -> None:
    pool = stage.pool(router=stage.host(1), size=2, activation_packages=[PACKAGE])
    down = stage.controller.context_by_id(1)
    calls = [call_async(down, activated.Exits, "echo", value=value) for value in range(5)]
    assert activated.constructing.wait(PATIENCE_S)
    eventually(lambda: settled(pool))
    activated.may_construct.set()
    for item in calls:
        with pytest.raises(errors.ActivationError, match="SystemExit"):
            item.result(PATIENCE_S)
    assert activated.constructed == ["Exits"]


def test_an_interrupt_is_answered_and_ends_no_thread(stage: Stage) -> None:
    stage.pool(router=stage.host(1), size=1, activation_packages=[PACKAGE])
    down = stage.controller.context_by_id(1)
    for _ in range(2):
        with pytest.raises(errors.CancelledError, match="KeyboardInterrupt"):
            call_async(down, activated.Interrupts, "echo").result(PATIENCE_S)
    assert activated.constructed == ["Interrupts"] * 2


def test_an_interrupt_goes_to_the_thread_that_invokes(stage: Stage) -> None:
    pool = stage.pool(activation_packages=[PACKAGE])
    with pytest.raises(KeyboardInterrupt):
        pool.invoke(activated.Interrupts, "echo")
    assert pool.statistics().open_requests == 0
