# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say of the plays of a playbook what will run natively, in a forked worker, or as ansible-core does it.

What is known before a playbook runs is looked at: tasks in files that are included while it runs are only named. The
decision itself is engine/routes.py's, with the variables that are known now.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import asdict, dataclass, field
from typing import Any

from ansible.plugins.loader import strategy_loader
from ansible.template import Templar

from ansible_svc.cli.path import plugin_path
from ansible_svc.compat.command_line import Session, load_playbook, tasks_of, validated
from ansible_svc.compat.options import options_of
from ansible_svc.engine.routes import Keywords, Way, route

_INCLUDES = frozenset(
    f"{prefix}{name}"
    for name in ("include_tasks", "include_role")
    for prefix in ("", "ansible.builtin.", "ansible.legacy.")
)
_EXAMPLES = 3


@dataclass
class Reason:
    """Why some host-tasks will not run natively."""

    way: str
    reason: str
    host_tasks: int = 0
    tasks: list[str] = field(default_factory=list)


@dataclass
class Forecast:
    """What will become of a play.

    Attributes:
        strategy: the play's; ours: whether it is svc's. Under another one everything runs as that one does it, and
            the rest says how it would be under svc_linear.
        hosts, tasks: how many.
        ways: native, forked, stock -> host-tasks.
        included: tasks that bring in others while the play runs.
    """

    name: str
    strategy: str
    ours: bool
    hosts: int = 0
    tasks: int = 0
    ways: dict[str, int] = field(default_factory=lambda: {way.value: 0 for way in Way})
    reasons: list[Reason] = field(default_factory=list)
    included: list[str] = field(default_factory=list)


def forecast(session: Session, playbook: str) -> list[dict[str, Any]]:
    """Return the forecast of each play, as plain values. Raises AnsibleError when the playbook cannot be loaded."""
    strategy_loader.add_directory(str(plugin_path("strategy")))
    plugin = strategy_loader.get("svc_linear", class_only=True)
    options = options_of(plugin)
    return [asdict(_play(session, validated(session, play), options)) for play in load_playbook(session, playbook)]


def _play(session: Session, play: Any, options: dict[str, Any]) -> Forecast:
    strategy = strategy_loader.get(play.strategy, class_only=True)
    found = Forecast(play.get_name().strip(), str(play.strategy), hasattr(strategy, "svc_name"))
    hosts = session.inventory.get_hosts(play.hosts)
    tasks = [task for task in tasks_of(play) if task.evaluate_tags(play.only_tags, play.skip_tags, all_vars={})]
    found.hosts, found.tasks = len(hosts), len(tasks)
    found.included = [task.get_name() for task in tasks if task.action in _INCLUDES]
    reasons: dict[tuple[str, str], Reason] = defaultdict(lambda: Reason("", ""))
    for host in hosts:
        variables = session.variables.get_vars(play=play, host=host)
        for task in tasks:
            known = {**variables, **task.get_vars()}
            keywords = Keywords(task, options)
            chosen = route(keywords, known, lambda known=known: Templar(session.loader, variables=known))
            found.ways[chosen.way.value] += 1
            if chosen.reason:
                _note(reasons[chosen.way.value, chosen.reason], chosen.way.value, chosen.reason, task.get_name())
    found.reasons = sorted(reasons.values(), key=lambda reason: -reason.host_tasks)
    return found


def _note(reason: Reason, way: str, text: str, task: str) -> None:
    reason.way, reason.reason = way, text
    reason.host_tasks += 1
    if task not in reason.tasks and len(reason.tasks) < _EXAMPLES:
        reason.tasks.append(task)
