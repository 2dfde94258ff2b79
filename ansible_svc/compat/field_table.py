# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What there is to know of a class's keywords: one table, made once.

ansible-core keeps keywords as field attributes (playbook/attribute.py, 2.19 to 2.21). The table says of each where its
object keeps the value, who else has a say in it, and which values checking gives back as they are.
"""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

from ansible._internal._datatag._tags import Origin, TrustedAsTemplate
from ansible.module_utils._internal._datatag import AnsibleTagHelper, _AnsibleTaggedInt, _AnsibleTaggedStr
from ansible.playbook.attribute import FieldAttribute, NonInheritableFieldAttribute
from ansible.playbook.task import Task

#: Values of these types are no templates, and not made of any.
PLAIN_SCALARS = frozenset({int, float, bool})
_QUIET_TAGS = frozenset({Origin, TrustedAsTemplate})
_ATTRIBUTES = frozenset({FieldAttribute, NonInheritableFieldAttribute})
_TEMPLATE_HEADER = "#jinja2:"
# What a value of a type is already, so that checking it gives the value back (FieldAttributeBase._get_validated_value).
_TYPES = {
    "string": frozenset({str, _AnsibleTaggedStr}),
    "int": frozenset({int, bool, _AnsibleTaggedInt}),
    "float": frozenset({float}),
    "bool": frozenset({bool}),
    "list": frozenset({list}),
    "dict": frozenset({dict}),
}
# Task's own checks of these give the value back as it is; they are templated when they are used.
_LEFT_ALONE = ("loop", "delegate_to", "changed_when", "failed_when", "until", "module_defaults", "break_when")


class Field(NamedTuple):
    """One name of a field.

    Attributes:
        name: as a playbook says it.
        key: where an object keeps the value.
        alias_key: where it keeps it a second time, or None.
        attribute: ansible-core's.
        inherited: whether parents have a say in it.
        extended: whether they have even when the object has a value of its own.
        quick: whether the object's own value may be looked at instead of asking the attribute.
        checked: whether it is checked when its object is no task: the attribute says always.
        left_alone: whether checking does not template it.
        types: a value of such a type needs no conversion; empty when ansible-core has to look at it in any case.
        listof: what items of a list have to be, None for anything.
    """

    name: str
    key: str
    alias_key: str | None
    attribute: Any
    inherited: bool
    extended: bool
    quick: bool
    checked: bool
    left_alone: bool
    types: frozenset[type]
    listof: Any

    def needs_nothing(self, value: Any) -> bool:
        """Tell whether templating and converting would give back the value, or an equal list or dict."""
        kind = value.__class__
        if kind not in self.types:
            return False
        if kind is list and self.listof is not None and not all(isinstance(item, self.listof) for item in value):
            return False
        return self.left_alone or is_no_template(value)

    def becomes_float(self, value: Any) -> bool:
        """Tell whether templating and converting would do no more than make a float of a value."""
        return value.__class__ is int and self.attribute.isa == "float" and bool(self.types)


@functools.cache
def fields_of_class(kind: Any) -> tuple[Field, ...]:
    """Return the fields of a class in ansible-core's order."""
    found = []
    for name, attribute in kind.fattributes.items():
        validate = getattr(kind, f"_post_validate_{name}", None)
        as_task = validate is not None and validate is getattr(Task, validate.__name__, None)
        types = _TYPES.get(attribute.isa, frozenset())
        if validate is not None and not (as_task and name in (*_LEFT_ALONE, "name")):
            types = frozenset()
        inherited = hasattr(kind, "_get_parent_attribute") and isinstance(attribute, FieldAttribute)
        found.append(
            Field(
                name=name,
                key=f"_{attribute.name}",
                alias_key=f"_{attribute.alias}" if attribute.alias is not None else None,
                attribute=attribute,
                inherited=inherited,
                extended=inherited and attribute.extend,
                quick=type(attribute) in _ATTRIBUTES and not hasattr(kind, f"_get_attr_{attribute.name}"),
                checked=attribute.always_post_validate,
                left_alone=as_task and name in _LEFT_ALONE,
                types=types,
                listof=attribute.listof,
            )
        )
    return tuple(found)


def fields_of(thing: Any) -> tuple[Field, ...]:
    """Return the fields of an object's class."""
    return fields_of_class(thing.__class__)


def is_no_template(value: Any) -> bool:
    """Tell whether templating would give the value back: False when that is not certain at a glance."""
    kind = value.__class__
    if kind is str:
        return "{" not in value and not value.startswith(_TEMPLATE_HEADER)
    if kind is _AnsibleTaggedStr:
        return (
            "{" not in value
            and not value.startswith(_TEMPLATE_HEADER)
            and AnsibleTagHelper.tag_types(value) <= _QUIET_TAGS
        )
    if kind is _AnsibleTaggedInt:
        return bool(AnsibleTagHelper.tag_types(value) <= _QUIET_TAGS)
    if kind is list:
        return all(item.__class__ is not list and is_no_template(item) for item in value)
    if kind is dict:
        return not value
    return value is None or kind in PLAIN_SCALARS
