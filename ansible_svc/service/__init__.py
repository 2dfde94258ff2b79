# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Call methods of services in other processes, and offer services to them.

Everything public is here and is loaded on first use, because this package is also loaded on every managed
host, where each module costs its transfer and its compilation. See docs/services.md for a tour.
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ansible_svc.service.activator import Activator as Activator
    from ansible_svc.service.calls import Call as Call
    from ansible_svc.service.calls import born_with_pool as born_with_pool
    from ansible_svc.service.calls import call as call
    from ansible_svc.service.calls import call_async as call_async
    from ansible_svc.service.calls import configure_children as configure_children
    from ansible_svc.service.calls import notify as notify
    from ansible_svc.service.dedup_invoker import DeduplicatingInvoker as DeduplicatingInvoker
    from ansible_svc.service.dedup_service import DeduplicatingService as DeduplicatingService
    from ansible_svc.service.invoker import Invoker as Invoker
    from ansible_svc.service.invoker import SerializedInvoker as SerializedInvoker
    from ansible_svc.service.marks import arg_spec as arg_spec
    from ansible_svc.service.marks import expose as expose
    from ansible_svc.service.marks import no_reply as no_reply
    from ansible_svc.service.marks import optional as optional
    from ansible_svc.service.outcome import Deferred as Deferred
    from ansible_svc.service.policy import AllowAny as AllowAny
    from ansible_svc.service.policy import AllowContexts as AllowContexts
    from ansible_svc.service.policy import AllowNobody as AllowNobody
    from ansible_svc.service.policy import AllowParents as AllowParents
    from ansible_svc.service.policy import AnyOf as AnyOf
    from ansible_svc.service.policy import Policy as Policy
    from ansible_svc.service.pool import Pool as Pool
    from ansible_svc.service.request import Request as Request
    from ansible_svc.service.service import Service as Service
    from ansible_svc.service.statistics import MethodStatistics as MethodStatistics
    from ansible_svc.service.statistics import PoolStatistics as PoolStatistics

#: public name -> the module of this package that holds it
_HOMES = {
    "Activator": "activator",
    "AllowAny": "policy",
    "AllowContexts": "policy",
    "AllowNobody": "policy",
    "AllowParents": "policy",
    "AnyOf": "policy",
    "Call": "calls",
    "DeduplicatingInvoker": "dedup_invoker",
    "DeduplicatingService": "dedup_service",
    "Deferred": "outcome",
    "Invoker": "invoker",
    "MethodStatistics": "statistics",
    "Policy": "policy",
    "Pool": "pool",
    "PoolStatistics": "statistics",
    "Request": "request",
    "SerializedInvoker": "invoker",
    "Service": "service",
    "arg_spec": "marks",
    "born_with_pool": "calls",
    "call": "calls",
    "call_async": "calls",
    "configure_children": "calls",
    "expose": "marks",
    "no_reply": "marks",
    "notify": "calls",
    "optional": "marks",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> Any:
    """Load the module that holds a public name, and keep the name here from then on."""
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError("module %r has no attribute %r" % (__name__, name))
    value = getattr(import_module("%s.%s" % (__name__, home)), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List what is public."""
    return sorted(__all__)
