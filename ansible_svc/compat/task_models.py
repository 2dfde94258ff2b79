# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What all hosts that run a task have in common is worked out once.

A task is one object for all hosts. Each host's run gets a copy of its own, with every keyword that blocks, roles and
plays hand down, before anything of the host has a say in it: so these copies are alike. The first is a *model* of the
others, as long as the task and all around it say the same objects as when it was made.
"""

from __future__ import annotations

from operator import is_
from typing import Any, NamedTuple

from ansible.module_utils.common.sentinel import Sentinel
from ansible.playbook.block import Block
from ansible.playbook.task import Task

from ansible_svc.compat.field_table import fields_of
from ansible_svc.compat.fields import UNCHANGING, copied, quick_view, said_by

# Under linear only the present task's model is asked for; under free those of as many tasks as hosts are at.
_KEPT = 256
_models: dict[int, _Model] = {}


class _Model(NamedTuple):
    """The first copy of a task.

    Attributes:
        task: what it is a copy of.
        own, said: all that the task says, and all around it, when it was made.
        kind: the class of the copies.
        state: their attributes.
        changeable: keys of those attributes that each copy has for itself, a second key of the same value or None, and
            whether the value is the task's own.
    """

    task: Any
    own: list[Any]
    said: list[Any]
    kind: Any
    state: dict[str, Any]
    changeable: list[tuple[str, str | None, bool]]

    def holds(self, task: Any, own: list[Any], said: list[Any]) -> bool:
        """Tell whether a copy would still become the same."""
        return (
            self.task is task
            and len(own) == len(self.own)
            and len(said) == len(self.said)
            and all(map(is_, own, self.own))
            and all(map(is_, said, self.said))
        )


def private_copy(task: Any) -> Any:
    """Return a copy of a task that may be squashed, templated and changed, with the same parents.

    Threads: any.
    """
    if type(task) is not Task or type(task._parent) is not Block:
        return _copy(task)
    own, said = list(task.__dict__.values()), said_by(task._parent)
    model = _models.get(id(task))
    if model is None or not model.holds(task, own, said):
        model = _make(task, own, said)
        if len(_models) >= _KEPT:
            _models.clear()
        _models[id(task)] = model
    new = model.kind.__new__(model.kind)
    attributes = new.__dict__
    attributes.update(model.state)
    for key, alias_key, is_own in model.changeable:
        value = attributes[key] = copied(task.__dict__[key] if is_own else model.state[key])
        if alias_key is not None:
            attributes[alias_key] = value
    return new


def _copy(task: Any) -> Any:
    copy = quick_view(task).copy(exclude_parent=True, exclude_tasks=True)
    copy._parent = task._parent
    return copy


def _make(task: Any, own: list[Any], said: list[Any]) -> _Model:
    copy = _copy(task)
    copy.squash()
    state = dict(copy.__dict__)
    changeable = [
        (field.key, field.alias_key, not field.extended and task.__dict__.get(field.key, Sentinel) is not Sentinel)
        for field in fields_of(copy)
        if state[field.key].__class__ not in UNCHANGING
    ]
    return _Model(task, own, said, copy.__class__, state, changeable)
