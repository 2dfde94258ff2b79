# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Fork only while no task thread holds a lock that the child will need.

A forked child has the forking thread alone; a lock that another thread held stays locked there for ever. Python renews
its own locks (imports, logging), and WorkerProcess.start holds Display's. What is left is taken before every fork and
given back on both sides:

- the lock of plugin loading (compat.plugin_loading),
- the lock around the start of ssh clients (``starting_lock``): subprocess.Popen waits until a descriptor is closed that
  a worker forked in that moment would hold as long as it lives, and the worker would wait for that very connection,
- the locks of jinja2's and ansible-core's process-wide caches of lexers (jinja2.utils.LRUCache with its _wlock).

Whoever needs several takes them in one order: the start of ssh clients, plugin loading, Display, the caches of lexers.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterator
from typing import Any

from ansible._internal._templating._jinja_bits import AnsibleEnvironment
from jinja2 import lexer

from ansible_svc.compat.plugin_loading import loading_lock

#: Held while a process is started by which a host is reached. A Popen with a preexec_fn runs the hooks below in the
#: thread that holds it, so that it has to be reentrant.
starting_lock = threading.RLock()

_guarded = False


def guard_forks() -> None:
    """Guard all later forks of this process; calling it again changes nothing."""
    global _guarded
    if _guarded:
        return
    _guarded = True
    lexers: tuple[Any, ...] = (lexer._lexer_cache, AnsibleEnvironment._lexer_cache)
    # the hooks before a fork run in the reverse order
    for lock in (*(cache._wlock for cache in lexers), loading_lock, starting_lock):
        os.register_at_fork(before=lock.acquire, after_in_parent=lock.release, after_in_child=lock.release)


@contextlib.contextmanager
def held_for_fork() -> Iterator[None]:
    """Hold what has to be held before Display's lock, which WorkerProcess.start takes before it forks."""
    with starting_lock, loading_lock:
        yield
