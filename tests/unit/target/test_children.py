# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check how the processes of a zygote are ended."""

from __future__ import annotations

import os
import selectors
import subprocess

import pytest

from ansible_svc.target.children import Child, Children

NOBODY = 65534


def _unexpected(child: Child) -> None:
    raise AssertionError(f"nobody waits for {child.pid}")


def _kill_as_nobody(pid: int) -> int:
    """Have a process of user nobody kill the group of a process with Children; return its exit status."""
    killer = os.fork()
    if killer == 0:
        status = 1
        try:
            os.setresuid(NOBODY, NOBODY, NOBODY)
            children = Children(selectors.DefaultSelector(), _unexpected)
            children.add(1, pid)
            children.kill(1)
            children.kill_all()
            status = 0
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(killer, 0)[1])


@pytest.mark.skipif(os.getuid() != 0, reason="only root can have processes of two users")
def test_a_process_that_has_become_another_user_is_left_alone() -> None:
    """As sudo may leave one: the others must be killed all the same, and the zygote lives on."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as other:
        try:
            assert _kill_as_nobody(other.pid) == 0
            assert other.poll() is None
        finally:
            other.kill()
