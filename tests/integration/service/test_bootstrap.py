# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A child's Pool comes up once, for whoever asks first, or its callers are told why it does not."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import mitogen.core
import pytest

from ansible_svc import errors
from ansible_svc.service import call, call_async, configure_children
from tests.integration.service.conftest import Controller
from tests.integration.service.remote import PATIENCE_S, NeverActivated, Remote

CHECKOUT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("blocked", ["ansible_svc", "ansible_svc.service.pool"])
def test_a_child_that_cannot_import_the_pool_is_an_error(controller: Controller, blocked: str) -> None:
    controller.router.responder.blacklist_prefix(blocked)
    context = controller.context("ssh")
    calls = [call_async(context, Remote, "echo", value=1) for _ in range(3)]
    for item in calls:
        with pytest.raises(errors.BootstrapError) as caught:
            item.result(PATIENCE_S)
        assert blocked in (caught.value.remote_traceback or "")
    with pytest.raises(ImportError):
        call(context, Remote, "echo", value=1)


def test_the_code_comes_with_the_first_call_without_being_asked_for(controller: Controller) -> None:
    configure_children(controller.router, modules=("tests.integration.service.remote",))
    # Not a local child: it would find the code in its working directory.
    context = controller.context("ssh")
    before = controller.router.responder.get_module_count
    assert call(context, Remote, "echo", value=1) == 1
    assert controller.router.responder.get_module_count == before


PROGRAM = """
import sys
import mitogen.master

sys.path.insert(0, sys.argv[1])
from ansible_svc.service import call, configure_children
from tests.integration.service.remote import Remote

broker = mitogen.master.Broker(install_watcher=False)
router = mitogen.master.Router(broker)
configure_children(
    router, packages=("tests.integration.service",), modules=("tests.integration.service.remote",)
)
call(router.local(python_path=sys.executable), Remote, "echo", value=1)
print(router.responder.get_module_count)
broker.shutdown()
broker.join()
"""


def test_nor_is_it_when_the_controller_has_no_pool_of_its_own(tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    run = subprocess.run(
        # Neither directory nor environment leads the child to the checkout: it has to be sent the code.
        [sys.executable, "-I", program, CHECKOUT],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stdout) == (0, "0\n"), run.stderr


def test_threads_of_one_controller_race_for_the_first_call(controller: Controller) -> None:
    context = controller.context("local")
    barrier = threading.Barrier(10)
    results: list[object] = []

    def first() -> None:
        barrier.wait(PATIENCE_S)
        results.append(call(context, Remote, "echo", value=1))

    threads = [threading.Thread(target=first) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert results == [1] * 10
    facts = call(context, Remote, "facts")
    assert sum(name.startswith("ansible_svc.pool") for name in facts["threads"]) == 4


def test_the_size_of_childrens_pools_can_be_set(controller: Controller) -> None:
    configure_children(controller.router, pool_size=2)
    facts = call(controller.context("local"), Remote, "facts")
    assert sum(name.startswith("ansible_svc.pool") for name in facts["threads"]) == 2


def test_two_parents_share_one_pool(controller: Controller) -> None:
    """The grandchild's Pool is started by its parent; the controller's first call finds it."""
    child, grandchild = controller.context("ssh"), controller.context("grandchild")
    asked = ask(child, grandchild.context_id, Remote, "facts")
    facts = call(grandchild, Remote, "facts")
    assert facts["pid"] == asked["pid"]
    assert sum(name.startswith("ansible_svc.pool") for name in facts["threads"]) == 4


def ask(context: Any, whom: int, service: Any, method: str, **kwargs: Any) -> Any:
    return call(context, Remote, "ask", context_id=whom, service=service.name(), method=method, kwargs=kwargs)


def test_a_child_takes_calls_of_its_own_children_by_policy(controller: Controller) -> None:
    child, grandchild = controller.context("ssh"), controller.context("grandchild")
    assert call(child, Remote, "echo", value=1) == 1
    assert ask(grandchild, child.context_id, Remote, "echo_for_all", value=b"x") == b"x"
    with pytest.raises(errors.RefusedError):
        ask(grandchild, child.context_id, Remote, "echo", value=1)


def test_a_child_activates_nothing_for_its_children(controller: Controller) -> None:
    child, grandchild = controller.context("ssh"), controller.context("grandchild")
    assert call(child, Remote, "echo", value=1) == 1
    with pytest.raises(errors.NotActivatedError):
        ask(grandchild, child.context_id, NeverActivated, "echo_for_all", value=1)
    assert call(child, NeverActivated, "echo", value=1) == 1
    assert ask(grandchild, child.context_id, NeverActivated, "echo_for_all", value=1) == 1


def test_a_context_may_call_itself(controller: Controller) -> None:
    context = controller.context("local")
    assert ask(context, context.context_id, Remote, "echo", value=b"x") == b"x"


def test_only_the_packages_that_were_allowed_are_activated(controller: Controller) -> None:
    configure_children(controller.router, packages=("ansible_svc",))
    with pytest.raises(errors.UnknownServiceError):
        call(controller.context("local"), Remote, "echo", value=1)


def test_a_broker_that_shuts_down_ends_all_calls(controller: Controller) -> None:
    waiting = [call_async(controller.context(kind), Remote, "wait") for kind in ("local", "ssh")]
    controller.broker.shutdown()
    for item in waiting:
        # The far side may find the time to say that its Pool is closing.
        with pytest.raises((errors.DisconnectedError, errors.PoolClosedError)):
            item.result(PATIENCE_S)
    controller.broker.join()
    with pytest.raises(errors.DisconnectedError):
        call(controller.router.context_by_id(1), Remote, "echo", value=1)


def test_mitogens_own_function_calls_go_on_working(controller: Controller) -> None:
    context = controller.context("local")
    assert call(context, Remote, "echo", value=1) == 1
    with pytest.raises(mitogen.core.CallError):
        context.call(int, "not a number")
    assert context.call(int, "7") == 7
