# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Understand the options of ansible-playbook, and look at what it would work with, without running it.

Uses PlaybookCLI (2.19 to 2.21): its parser, and the private method with which it makes loader, inventory and variable
manager from its options. An instance leaves its options in ``ansible.context``, once per process.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ansible import constants as C
from ansible import context
from ansible._internal._templating._engine import TemplateEngine
from ansible.cli.playbook import PlaybookCLI
from ansible.playbook import Playbook
from ansible.playbook.block import Block
from ansible.playbook.task import Task
from ansible.plugins.loader import add_all_plugin_dirs, init_plugin_loader
from ansible.utils.collection_loader import AnsibleCollectionConfig


@dataclass(frozen=True)
class Session:
    """What ansible-playbook makes of its options.

    Attributes:
        loader, inventory, variables: DataLoader, InventoryManager (limited as asked), VariableManager.
        passwords: for TaskQueueManager.
        forks: how many.
    """

    loader: Any
    inventory: Any
    variables: Any
    passwords: dict[str, Any]
    forks: int


def playbook_options(arguments: Sequence[str]) -> argparse.Namespace:
    """Return what ansible-playbook's parser makes of arguments; wrong ones end the process as they do there."""
    cli = PlaybookCLI(["ansible-playbook", *arguments])
    cli.init_parser()
    options: argparse.Namespace = cli.parser.parse_args(list(arguments))
    # An empty list stands for the default, which post_process_args would set.
    options.tags = options.tags or ["all"]
    return options


def named_playbooks(arguments: Sequence[str]) -> list[str]:
    """Return the playbooks that arguments of ansible-playbook name, of which it wants one and here may be none.

    Other wrong arguments end the process as they do there.
    """
    cli = PlaybookCLI(["ansible-playbook", *arguments])
    cli.init_parser()
    error = cli.parser.error

    def note(message: str) -> None:
        raise _WrongUsage(message)

    cli.parser.error = note
    try:
        found: list[str] = cli.parser.parse_args(list(arguments)).args
    except _WrongUsage as wrong:
        cli.parser.error = error
        if str(wrong) != "the following arguments are required: playbook":
            error(str(wrong))
        # It complains of this first, and of other things only when this is there.
        cli.parser.parse_args([*arguments, os.devnull])
        return []
    return found


class _WrongUsage(Exception):
    """What argparse complains of."""


def open_session(arguments: Sequence[str], playbooks: Sequence[str], pattern: str = "all") -> Session:
    """Return a session for arguments of ansible-playbook, which must include a playbook.

    Parameters:
        arguments: of the command line.
        playbooks: those of them that are playbooks which exist; plugins and variables beside them count.
        pattern: of hosts; together with --limit it must leave some.

    Raises AnsibleError.
    """
    cli = PlaybookCLI(["ansible-playbook", *arguments])
    cli.parse()
    init_plugin_loader()
    folders = [os.path.dirname(os.path.abspath(playbook)) for playbook in playbooks]
    for folder in folders:
        add_all_plugin_dirs(folder)
    if folders:
        AnsibleCollectionConfig.playbook_paths = folders
    ssh, become = cli.ask_passwords()
    loader, inventory, variables = cli._play_prereqs()
    if folders:
        loader.set_basedir(folders[0])
    cli.get_host_list(inventory, context.CLIARGS["subset"], pattern)
    passwords = {"conn_pass": ssh, "become_pass": become}
    return Session(loader, inventory, variables, passwords, int(context.CLIARGS["forks"] or C.DEFAULT_FORKS))


def load_playbook(session: Session, path: str) -> list[Any]:
    """Return the plays of a playbook. Raises AnsibleError."""
    session.loader.set_basedir(str(Path(path).absolute().parent))
    playbook = Playbook.load(path, variable_manager=session.variables, loader=session.loader)
    plays: list[Any] = playbook.get_plays()
    return plays


def validated(session: Session, play: Any) -> Any:
    """Return a play with its own keywords templated, as PlaybookExecutor makes it. Raises AnsibleError."""
    variables = session.variables.get_vars(play=play)
    copy = play.copy()
    copy.post_validate(TemplateEngine(loader=session.loader, variables=variables))
    return copy


def tasks_of(play: Any) -> Iterator[Any]:
    """Yield the tasks and handlers of a play that are known before it runs, ``meta`` excepted."""
    if _gathers_facts(play):
        # as PlayIterator makes it
        yield Task.load(
            {"name": "Gathering Facts", "action": "gather_facts", "tags": ["always"]}, block=Block(play=play)
        )
    for block in [*play.compile(), *play.handlers, *_role_handlers(play)]:
        yield from _tasks(block)


def _gathers_facts(play: Any) -> bool:
    if C.DEFAULT_GATHERING == "explicit":
        return bool(play.gather_facts)
    return play.gather_facts is None or bool(play.gather_facts)


def _role_handlers(play: Any) -> list[Any]:
    return [block for role in play.roles for block in role.get_handler_blocks(play)]


def _tasks(item: Any) -> Iterator[Any]:
    if isinstance(item, Block):
        for inner in [*item.block, *item.rescue, *item.always]:
            yield from _tasks(inner)
    elif item.action not in C._ACTION_META:
        yield item
