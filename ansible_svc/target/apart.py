# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do what may take long on a thread of its own: the Pool's few threads are for what takes none."""

from __future__ import annotations

import threading

from ansible_svc.service import Deferred

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Callable


def begun(begin: Callable[[], Any], answer: Deferred, apart: bool) -> Any:
    """Begin what is answered later; return what an exposed method is to return.

    Parameters:
        begin: returns None when it has started something that will resolve the answer, or else what to answer at once.
        answer: the one that will be resolved.
        apart: beginning may wait for the network, so it gets a thread of its own.
    """
    if not apart:
        instead = begin()
        return answer if instead is None else instead
    threading.Thread(target=_begin, args=(begin, answer), name="svc-apart", daemon=True).start()
    return answer


def answered_apart(work: Callable[[], Any]) -> Deferred:
    """Do something on a thread of its own and answer what it returns."""
    answer = Deferred()

    def begin() -> None:
        answer.resolve(work())

    begun(begin, answer, apart=True)
    return answer


def _begin(begin: Callable[[], Any], answer: Deferred) -> None:
    try:
        instead = begin()
    except Exception as error:
        answer.fail(error)
    else:
        if instead is not None:
            answer.resolve(instead)
