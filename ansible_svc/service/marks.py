# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""
Mark methods as callable from outside and say what arguments they take.

Nothing of a service can be called unless it is marked, and a marked method without a policy lets nobody in.
"""

from __future__ import annotations

from ansible_svc.errors import ArgumentError
from ansible_svc.service.policy import AllowNobody, AnyOf, Policy

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from typing import Any, TypeVar, Union

    F = TypeVar("F", bound=Callable[..., Any])
    PolicyLike = Union[Policy, str, Iterable["Policy"], None]

_MARK = "_ansible_svc_mark"


class Mark:
    """Hold what the decorators have said about one method."""

    __slots__ = ("exposed", "no_reply", "policy", "spec", "wants_request")

    def __init__(self) -> None:
        self.exposed = False
        self.no_reply = False
        self.wants_request = False
        #: A Policy, or the name of the service's attribute that holds one.
        self.policy: Policy | str = AllowNobody()
        self.spec: ArgumentSpec | None = None


def mark_of(func: object) -> Mark | None:
    """Return what the decorators have said about a function, or None."""
    mark = getattr(func, _MARK, None)
    return mark if isinstance(mark, Mark) else None


def _mark(func: Callable[..., Any]) -> Mark:
    mark = mark_of(func)
    if mark is None:
        mark = Mark()
        setattr(func, _MARK, mark)
    return mark


def as_policy(policy: PolicyLike) -> Policy | str:
    """Return one policy for the forms that `expose` takes."""
    if policy is None:
        return AllowNobody()
    if isinstance(policy, (Policy, str)):
        return policy
    return AnyOf(policy)


def expose(policy: PolicyLike = None, wants_request: bool = False) -> Callable[[F], F]:
    """
    Make a method callable from outside.

    :param policy: Who may call: a Policy, several of which one must allow, or the name of an attribute of
        the service that holds a Policy (so that each service has its own grants). None: nobody.
    :param wants_request: Pass the `Request` to the method as the keyword `request`.
    """

    def apply(func: F) -> F:
        mark = _mark(func)
        mark.exposed = True
        mark.policy = as_policy(policy)
        mark.wants_request = wants_request
        return func

    return apply


def no_reply() -> Callable[[F], F]:
    """
    Say that nobody waits for what the method does.

    A caller gets None as soon as its request has been admitted, before the method runs. What the method
    raises is logged and counted where it runs.
    """

    def apply(func: F) -> F:
        _mark(func).no_reply = True
        return func

    return apply


class optional:  # noqa: N801  (reads as a word in a spec)
    """Say in an `arg_spec` that an argument may be left out: ``{"mode": optional(int)}``."""

    __slots__ = ("types",)

    def __init__(self, *types: type | None) -> None:
        self.types = types


def arg_spec(spec: Mapping[str, Any]) -> Callable[[F], F]:
    """
    Say which arguments a method takes, and of which types.

    :param spec: argument name -> a type, a tuple of types (None among them stands for the value None), or
        `optional(...)` of those. Arguments that are not named are refused. True and False are no int
        here, and an int passes for a float.
    """
    compiled = ArgumentSpec(spec)

    def apply(func: F) -> F:
        _mark(func).spec = compiled
        return func

    return apply


class ArgumentSpec:
    """Check arguments by name and type."""

    __slots__ = ("_required", "_types")

    def __init__(self, spec: Mapping[str, Any]) -> None:
        self._types: dict[str, tuple[type, ...]] = {}
        required = []
        for name, types in spec.items():
            if isinstance(types, optional):
                types = types.types
            else:
                required.append(name)
            if not isinstance(types, tuple):
                types = (types,)
            self._types[name] = tuple(type(None) if item is None else item for item in types)
        self._required = tuple(required)

    def check(self, arguments: Mapping[str, Any]) -> None:
        """
        Check arguments by name.

        :raises ArgumentError: One is missing, unknown, or of a wrong type. Never quotes a value.
        """
        for name in self._required:
            if name not in arguments:
                raise ArgumentError("missing argument %r" % (name,))
        for name, value in arguments.items():
            types = self._types.get(name)
            if types is None:
                raise ArgumentError("unknown argument %r" % (name[:100],))
            if type(value) not in types and not _fits(value, types):
                raise ArgumentError(
                    "argument %r must be %s, not %s"
                    % (name, " or ".join(item.__name__ for item in types), type(value).__name__)
                )


def _fits(value: object, types: tuple[type, ...]) -> bool:
    if isinstance(value, bool):
        return object in types
    if isinstance(value, int) and float in types:
        return True
    return isinstance(value, types)


def spec_of_signature(func: Callable[..., Any], wants_request: bool) -> ArgumentSpec:
    """
    Return the spec of a method that was given none: its parameters, each of any type.

    Reads the code object because the inspect module is too much to load on a target.
    """
    func = getattr(func, "__func__", func)
    code = func.__code__
    positional = code.co_varnames[1 : code.co_argcount]
    keyword_only = code.co_varnames[code.co_argcount : code.co_argcount + code.co_kwonlyargcount]
    with_default = set(func.__kwdefaults__ or ())
    if func.__defaults__:
        with_default.update(positional[-len(func.__defaults__) :])
    return ArgumentSpec(
        {
            name: optional(object) if name in with_default else object
            for name in positional + keyword_only
            if not (wants_request and name == "request")
        }
    )
