# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The keywords of tasks and play contexts without a descriptor for every look at one.

ansible-core keeps keywords as field attributes (playbook/attribute.py). For every task and host it copies some sixty of
them, resolves them, templates and checks each, and lists them again: nearly two thirds of a small task's time on its
thread, measured, although hardly any keyword is set, and fewer hold a template. ``QuickFields`` does the same four
things for a class with one table for all its fields (field_table.py): what needs no templating and has its type already
is left as it is. All else goes to ansible-core's own code, field by field, so what it does, says and refuses stays
ansible-core's.

``quick_class`` puts QuickFields right above ansible-core's FieldAttributeBase in the order of classes: what Task and
its subclasses add to copying or checking stays in force.
"""

from __future__ import annotations

import functools
import itertools
from operator import attrgetter, is_
from typing import Any

from ansible.module_utils._internal._datatag import _AnsibleTaggedStr
from ansible.module_utils.common.sentinel import Sentinel
from ansible.playbook.attribute import NonInheritableFieldAttribute
from ansible.playbook.base import FieldAttributeBase
from ansible.playbook.block import Block
from ansible.playbook.loop_control import LoopControl
from ansible.playbook.play_context import PlayContext
from ansible.playbook.task import Task

from ansible_svc.compat.copying import shallow_copy
from ansible_svc.compat.field_table import PLAIN_SCALARS, Field, fields_of, fields_of_class, is_no_template

#: Nobody can change a value of one of these.
UNCHANGING = frozenset({str, int, float, bool, type(None), type(Sentinel), _AnsibleTaggedStr})
# Blocks are few and hold for a play; a hundred values each.
_ENTRIES = 512
_inherited: dict[int, tuple[Any, list[Any], dict[str, Any]]] = {}


class QuickFields(FieldAttributeBase):
    """Copies, resolves, checks and lists an object's fields; methods are FieldAttributeBase's (2.19 to 2.21).

    An object is *settled* when no field is left to its parents or to a default: it was squashed or checked. It is then
    of a class of its own, whose fields are read without asking anybody.

    Threads: an object belongs to one task.
    """

    _svc_settled = False

    def squash(self: Any) -> None:
        """See FieldAttributeBase.squash."""
        if self._squashed:
            return
        own = self.__dict__
        inherited = inherited_fields(self) if type(self._svc_parent) is Block else None
        for field in fields_of(self):
            if field.extended or not field.quick:
                value = getattr(self, field.name)
            elif own.get(field.key, Sentinel) is not Sentinel:
                continue
            elif not field.inherited:
                value = _default(field)
            elif inherited is None:
                value = getattr(self, field.name)
            else:
                value = inherited[field.name]
                if value is Sentinel:
                    value = _default(field)
            _put(own, field, value)
        self._squashed = True
        self.__class__ = _settled_class(self.__class__)

    def copy(self) -> Any:
        """See FieldAttributeBase.copy."""
        kind: Any = self.__class__
        new = _open_class(kind)()
        own, others = self.__dict__, new.__dict__
        for field in fields_of_class(kind):
            value = own.get(field.key, Sentinel)
            if value.__class__ not in UNCHANGING:
                value = copied(value)
            _put(others, field, value)
        for name in ("_loader", "_variable_manager", "_origin", "_validated", "_finalized", "_uuid"):
            others[name] = own[name]
        if "_ds" in own:
            others["_ds"] = own["_ds"]
        if self._svc_settled and self._finalized:
            new.__class__ = kind
        return new

    def post_validate(self, templar: Any) -> None:
        """See FieldAttributeBase.post_validate."""
        own = self.__dict__
        # an imported role is no task of its own
        checks_all = self._post_validate_object and not getattr(self, "statically_loaded", False)
        settled = self._svc_settled
        for field in fields_of(self):
            value = own[field.key] if settled and field.quick else self._svc_value(field)
            attribute = field.attribute
            if value.__class__ in PLAIN_SCALARS and settled and field.quick and value.__class__ in field.types:
                continue
            if attribute.static:
                if field.name == "vars" or is_no_template(value):
                    continue
            elif value is None:
                if not attribute.required:
                    continue
            elif not (field.checked or checks_all):
                continue
            elif field.needs_nothing(value):
                if not settled and value.__class__ not in UNCHANGING and not field.left_alone:
                    value = shallow_copy(value)
                _put(own, field, value)
                continue
            elif field.becomes_float(value):
                _put(own, field, float(value))
                continue
            value = self.post_validate_attribute(field.name, templar=templar)
            if value is not Sentinel:
                setattr(self, field.name, value)
        self._finalized = True
        _settle(self)

    def dump_attrs(self) -> dict[str, Any]:
        """See FieldAttributeBase.dump_attrs."""
        attributes: dict[str, Any] = {}
        look_at: tuple[Field, ...] = fields_of(self)
        if self._svc_settled:
            kind: Any = self.__class__
            names, keys, look_at = _listing(kind)
            attributes.update(zip(names, map(self.__dict__.get, keys), strict=True))
        for field in look_at:
            value = self._svc_value(field)
            if field.attribute.isa == "class":
                value = value.serialize() if hasattr(value, "serialize") else value.dump_attrs()
            attributes[field.name] = value
        return attributes

    @property
    def _svc_parent(self) -> Any:
        return self.__dict__.get("_parent")

    def _svc_value(self, field: Field) -> Any:
        """Return the value of a field, as its attribute does."""
        own = self.__dict__
        value = own.get(field.key, Sentinel)
        if self._svc_settled and field.quick:
            return value
        settled = self._squashed or self._finalized
        if not field.quick or (field.inherited and not settled and (value is Sentinel or field.extended)):
            return getattr(self, field.name)
        if value is Sentinel:
            value = _default(field)
            if type(field.attribute) is NonInheritableFieldAttribute and callable(field.attribute.default):
                _put(own, field, value)
        return value


@functools.cache
def _listing(kind: Any) -> tuple[tuple[str, ...], tuple[str, ...], tuple[Field, ...]]:
    """Return the names of a class's fields, where objects keep their values, and which of them need a closer look."""
    fields = fields_of_class(kind)
    closer = tuple(field for field in fields if not field.quick or field.attribute.isa == "class")
    return tuple(field.name for field in fields), tuple(field.key for field in fields), closer


def _put(own: dict[str, Any], field: Field, value: Any) -> None:
    own[field.key] = value
    if field.alias_key is not None:
        own[field.alias_key] = value


def _default(field: Field) -> Any:
    """Return the value of a field that nobody has set."""
    value = field.attribute.default
    if not callable(value):
        return value
    value = value()
    return quick_view(value) if type(value) is LoopControl else value


def copied(value: Any) -> Any:
    """Return a copy of the value of a field, for another object."""
    return quick_view(value) if isinstance(value, LoopControl) else shallow_copy(value)


def inherited_fields(task: Any) -> dict[str, Any]:
    """Return what a task whose parent is a block has from that, by names of fields; Sentinel where nobody set one.

    All hosts have it from the same block, where it changes rarely; what was found is found again as long as it, and all
    that blocks, roles and plays around it say, are the same objects.
    """
    parent = task._parent
    said = said_by(parent)
    known = _inherited.get(id(parent))
    if known is not None and known[0] is parent and len(known[1]) == len(said) and all(map(is_, known[1], said)):
        return known[2]
    values = {
        field.name: parent._get_parent_attribute(field.name)
        for field in fields_of(task)
        if field.inherited and not field.extended
    }
    if len(_inherited) >= _ENTRIES:
        _inherited.clear()
    _inherited[id(parent)] = parent, said, values
    return values


def said_by(parent: Any) -> list[Any]:
    """Return a block, the objects that it inherits from, and all that they hand down."""
    said: list[Any] = []
    keys = _inheritable_keys()
    while parent is not None:
        around = [parent, getattr(parent, "_play", None), getattr(parent, "_role", None)]
        if around[2] is not None:
            around += parent.get_dep_chain() or ()
        for one in around:
            said.append(one)
            if one is not None:
                said += map(one.__dict__.get, keys, itertools.repeat(Sentinel))
        parent = parent._parent
    return said


@functools.cache
def _inheritable_keys() -> tuple[str, ...]:
    return tuple(field.key for field in fields_of_class(quick_class(Task)) if field.inherited)


_play_context: tuple[Any, list[Any], Any] = (None, [], None)


class QuickPlayContext(QuickFields):
    """Copies a play context: that of a task is made from the play's by copying it three times.

    It has no parents, so it is settled from the start.
    """

    def copy(self) -> Any:
        """See PlayContext.copy, which makes a new one and gives it the fields of this."""
        kind: Any = self.__class__
        new = kind.__new__(kind)
        others = new.__dict__
        others.update(_new_play_context())
        own = self.__dict__
        keys = _listing(kind)[1]
        others.update(zip(keys, map(own.__getitem__, keys), strict=True))
        for key in keys:
            if own[key].__class__ not in UNCHANGING:
                others[key] = shallow_copy(own[key])
        for name in ("_loader", "_variable_manager", "_origin", "_validated", "_finalized", "_uuid"):
            others[name] = own[name]
        return new


@functools.cache
def _new_play_context() -> dict[str, Any]:
    """Return what a new play context has; the command line, from which it takes some of it, stays what it is."""
    return dict(vars(PlayContext()))


def quick_play_context(stock: Any) -> Any:
    """Return a copy of a play context; that of a play is copied for each of its tasks."""
    global _play_context
    if type(stock) is not PlayContext:
        return quick_view(stock).copy()
    own = list(stock.__dict__.values())
    known, said, view = _play_context
    if known is not stock or len(own) != len(said) or not all(map(is_, own, said)):
        view = quick_view(stock)
        _settle(view)
        _play_context = stock, own, view
    return view.copy()


class _QuickTask:
    """Checks a task without writing into the block around it, which other threads share."""

    def post_validate(self, templar: Any) -> None:
        """See Task.post_validate."""
        parent = self._parent  # type: ignore[attr-defined]
        if parent and type(parent) is Block:
            for name in _checked_of_block():
                if not is_no_template(getattr(parent, name)):
                    parent.post_validate_attribute(name, templar=templar)
            QuickFields.post_validate(self, templar)  # type: ignore[arg-type]
        else:
            super().post_validate(templar)  # type: ignore[misc]


@functools.cache
def _checked_of_block() -> tuple[str, ...]:
    """Return the fields of a block that are checked: its name, what must not be templates, and what has to be there."""
    return tuple(
        name
        for name, attribute in Block.fattributes.items()
        if (attribute.static and name != "vars") or attribute.always_post_validate or attribute.required
    )


@functools.cache
def quick_class(stock: Any) -> Any:
    """Return a subclass of a class with field attributes that has QuickFields' methods in place of the base class's."""
    if issubclass(stock, QuickFields):
        return stock
    if stock is PlayContext:
        bases: tuple[Any, ...] = (PlayContext, QuickPlayContext)
    elif getattr(stock, "post_validate", None) is Task.post_validate:
        bases = (_QuickTask, stock, QuickFields)
    else:
        bases = (stock, QuickFields)
    return type(stock.__name__, bases, _identity(stock))


@functools.cache
def _settled_class(kind: Any) -> Any:
    """Return the class of settled objects for a quick class."""
    if kind._svc_settled:
        return kind
    body: dict[str, Any] = {**_identity(kind), "_svc_settled": True, "_svc_open": kind}
    for field in fields_of_class(kind):
        if field.quick:
            body[field.name] = property(attrgetter(field.key), functools.partial(_set, field=field))
    return type(kind.__name__, (kind,), body)


def _settle(thing: Any) -> None:
    """Give every field that is left to a default its value; parents have nothing to say any more."""
    if thing._svc_settled:
        return
    own = thing.__dict__
    for field in fields_of(thing):
        if own.get(field.key, Sentinel) is Sentinel:
            _put(own, field, _default(field))
    thing.__class__ = _settled_class(thing.__class__)


def _open_class(kind: Any) -> Any:
    return kind._svc_open if kind._svc_settled else kind


def _set(settled: Any, value: Any, field: Field) -> None:
    _put(settled.__dict__, field, _default(field) if value is Sentinel else value)


def _identity(kind: Any) -> dict[str, Any]:
    return {"__module__": kind.__module__, "__qualname__": kind.__qualname__}


def quick_view(stock: Any) -> Any:
    """Return an object of the quick class with the fields of an object, which the two share: to be copied, say."""
    kind = quick_class(stock.__class__)
    view = kind.__new__(kind)
    view.__dict__.update(stock.__dict__)
    return view
