# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Write playbooks that nobody would: keywords, modules, failures and hosts combined by chance, one for each seed.

Left out is what linear itself gives differently from run to run: what depends on the order in which hosts answer.

    book = write_book(7, tmp_path)
    pair = both(lab, book.path, inventory(lab, HOSTS, hosts=book.hosts), args=book.args)
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

HOSTS = 3
NAMES = [f"host{number:02}" for number in range(1, HOSTS + 1)]

_DEEPEST = 2
_FILES = ["{{ workdir }}/one", "{{ workdir }}/two", "{{ workdir }}/dir/three"]
_HANDLERS = ["First handler", "Second handler", "all handlers"]
_VARIABLES = ["word", "numbers", "fact", "group_names", "ansible_failed_task.name"]
_SHOWN = ["inventory_hostname", "ansible_play_batch"]
_TAGS = ["red", "blue", "always", "never"]
# Keywords, modules, kinds of meta and words of conditions by which hosts have to do with each other.
_OF_SEVERAL_HOSTS = frozenset(
    {"any_errors_fatal", "max_fail_percentage", "run_once", "add_host", "clear_host_errors", "refresh_inventory"}
    | {"end_batch", "end_play", "pause", "groups.added is defined", "ansible_play_batch"}
)

Task = dict[str, Any]


@dataclass(frozen=True)
class Book:
    """A playbook.

    Attributes:
        path: its file; the files that it includes are beside it.
        args: further arguments for ansible-playbook.
        hosts: variables that differ from those of the lab, by host.
    """

    path: Path
    args: Sequence[str]
    hosts: Mapping[str, Mapping[str, Any]]


def write_book(seed: int, directory: Path, *, independent: bool = False) -> Book:
    """Write the playbook of a number, with its roles and task files, to a directory.

    independent: what a host does shall not depend on how far the others are.
    """
    writer = _Writer(Random(seed), directory, independent)
    plays = [writer.play(number) for number in range(writer.random.choice([1, 1, 2, 3]))]
    path = directory / "book.yml"
    path.write_text(json.dumps(plays, indent=1))
    return Book(path, writer.arguments(), writer.hosts())


class _Writer:
    def __init__(self, random: Random, directory: Path, independent: bool) -> None:
        self.random = random
        self._directory = directory
        self._unwanted = _OF_SEVERAL_HOSTS if independent else frozenset()
        self._registered: list[str] = []
        self._count = 0

    def hosts(self) -> dict[str, dict[str, Any]]:
        if not self._sometimes(0.25):
            return {}
        # Where it sends a module along, linear says in one of two ways that it could not.
        return {self.random.choice(NAMES): {"ansible_port": "{{ closed_port }}", "ansible_pipelining": False}}

    def arguments(self) -> list[str]:
        found = ["--forks", self.random.choice(["1", "2", "5"])]
        for chance, more in [
            (0.15, ["--check"]),
            (0.25, ["--diff"]),
            (0.1, ["--tags", self.random.choice(["red", "blue", "red,never"])]),
            (0.1, ["--skip-tags", self.random.choice(["red", "always"])]),
            (0.1, ["--limit", self.random.choice(["host01,host03", "!host02"])]),
            (0.1, ["--force-handlers"]),
            (0.1, ["-v"]),
            (0.1, ["--extra-vars", "word=given"]),
            (0.05, ["--start-at-task", "Task 3"]),
        ]:
            if self._sometimes(chance):
                found += more
        return found

    def play(self, number: int) -> dict[str, Any]:
        play: dict[str, Any] = {
            "name": f"Play {number}",
            "hosts": self.random.choice(["all", "all", "all", "all:!host02", "host03,host01"]),
            "gather_facts": self._sometimes(0.1),
            "vars": {"word": "play", "numbers": [1, 2, 3], "pairs": {"a": 1, "b": "two"}},
            "handlers": [self._handler(name) for name in _HANDLERS[:2]],
        }
        for chance, key, values in [
            (0.25, "serial", [1, 2, "50%", [1, 2]]),
            (0.1, "max_fail_percentage", [0, 30, 60]),
            (0.08, "any_errors_fatal", [True]),
            (0.1, "force_handlers", [True]),
            (0.2, "order", ["reverse_inventory", "sorted", "reverse_sorted"]),
            (0.1, "ignore_errors", [True]),
            (0.05, "ignore_unreachable", [True]),
            (0.1, "environment", [{"PLAY_VARIABLE": "{{ word }}"}]),
            (0.05, "throttle", [1]),
            (0.05, "become", [True]),
            (0.05, "check_mode", [True]),
            (0.1, "tags", [["red"], ["blue"]]),
            (0.05, "module_defaults", [{"ansible.builtin.command": {"chdir": "/"}}]),
        ]:
            if self._sometimes(chance) and key not in self._unwanted:
                play[key] = self.random.choice(values)
        if self._sometimes(0.2):
            play["pre_tasks"] = self._tasks(_DEEPEST, 2)
        if self._sometimes(0.3):
            play["roles"] = [{"role": self._role(0), "vars": {"word": "of the role"}}]
        play["tasks"] = self._tasks(0, 9)
        if self._sometimes(0.2):
            play["post_tasks"] = self._tasks(_DEEPEST, 2)
        return play

    # -- what contains tasks

    def _tasks(self, depth: int, most: int) -> list[Task]:
        return [self._anything(depth) for _ in range(self.random.randint(1, most))]

    def _anything(self, depth: int) -> Task:
        if depth < _DEEPEST and self._sometimes(0.25):
            return self.random.choice([self._block, self._block, self._included, self._imported, self._from_role])(
                depth
            )
        if self._sometimes(0.1):
            return self._meta()
        return self._task()

    def _block(self, depth: int) -> Task:
        block: Task = {"name": self._name(), "block": self._tasks(depth + 1, 3)}
        if self._sometimes(0.6):
            block["rescue"] = self._tasks(depth + 1, 2)
        if self._sometimes(0.5):
            block["always"] = self._tasks(depth + 1, 2)
        self._add(block, ["when", "vars", "tags", "environment", "ignore_errors", "any_errors_fatal", "run_once"], 0.12)
        return block

    def _included(self, depth: int) -> Task:
        include: Task = {"name": self._name(), "ansible.builtin.include_tasks": {"file": self._file(depth)}}
        self._add(include, ["when", "vars", "tags", "run_once", "plain_loop"], 0.15)
        if self._sometimes(0.2):
            include["ansible.builtin.include_tasks"]["apply"] = {"tags": ["red"], "vars": {"word": "applied"}}
        return include

    def _imported(self, depth: int) -> Task:
        task: Task = {"name": self._name(), "ansible.builtin.import_tasks": self._file(depth)}
        self._add(task, ["when", "vars", "tags"], 0.2)
        return task

    def _from_role(self, depth: int) -> Task:
        kind = self.random.choice(["include_role", "import_role"])
        task: Task = {"name": self._name(), f"ansible.builtin.{kind}": {"name": self._role(depth)}}
        self._add(task, ["when", "vars", "tags"], 0.2)
        return task

    def _file(self, depth: int) -> str:
        path = self._directory / f"tasks{self._next()}.yml"
        path.write_text(json.dumps(self._tasks(depth + 1, 3), indent=1))
        return path.name

    def _role(self, depth: int) -> str:
        name = f"role{self._next()}"
        content: dict[str, Any] = {
            "tasks": self._tasks(depth + 1, 3),
            "defaults": {"word": "default", "of_role": "{{ word }}!"},
        }
        # A notified name means the handler that was included last, by any host: out of step, that is up to chance.
        if not self._unwanted:
            content["handlers"] = [self._handler("Second handler")]
        if self._sometimes(0.2):
            end: Task = {"name": self._name(), "ansible.builtin.meta": "end_role", "when": self._condition()}
            content["tasks"].insert(self.random.randrange(len(content["tasks"])), end)
        if self._sometimes(0.3):
            content["vars"] = {"word": "of the role's vars"}
        for part, value in content.items():
            path = self._directory / "roles" / name / part / "main.yml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(value, indent=1))
        return name

    # -- single tasks

    def _handler(self, name: str) -> Task:
        handler: Task = {"name": name, "ansible.builtin.command": f"echo {self._number()}", "changed_when": False}
        # A name that nobody listens to ends the run, wherever the other hosts are.
        if self._unwanted or self._sometimes(0.5):
            handler["listen"] = "all handlers"
        self._add(handler, ["when", "failed_when", "ignore_errors"], 0.15)
        return handler

    def _meta(self) -> Task:
        what = self._choice(
            ["noop", "flush_handlers", "flush_handlers", "clear_facts", "clear_host_errors", "refresh_inventory"]
            + ["reset_connection", "end_host", "end_batch", "end_play"][: self.random.choice([2, 4])]
        )
        task: Task = {"name": self._name(), "ansible.builtin.meta": what}
        if what.startswith("end_"):
            task["when"] = self._condition()
        return task

    def _task(self) -> Task:
        task: Task = {"name": self._name(), **self._action()}
        self._add(
            task,
            ["when", "vars", "tags", "environment", "ignore_errors", "any_errors_fatal", "run_once", "loop", "loop"]
            + ["register", "register", "register", "changed_when", "failed_when", "failed_when", "ignore_unreachable"]
            + ["no_log", "delegate_to", "throttle", "notify", "notify", "check_mode", "diff", "become", "until", "vars"]
            + ["module_defaults", "timeout", "async", "connection"],
            0.09,
        )
        return task

    def _action(self) -> Task:
        number = self._number()
        path = self.random.choice(_FILES)
        actions: list[Callable[[], Task]] = [
            lambda: {"command": f"echo {number} {{{{ word }}}}"},
            lambda: {
                "command": {"argv": ["sh", "-c", f"echo out; echo err >&2; exit {self.random.choice([0, 0, 3])}"]}
            },
            lambda: {"command": {"cmd": "echo made", "creates": path}},
            lambda: {"command": f"no-such-program-{number}"},
            lambda: {"shell": "pwd; umask; echo $PLAY_VARIABLE $TASK_VARIABLE"},
            lambda: {"shell": {"cmd": "cat one | wc -c", "chdir": "{{ workdir }}"}},
            lambda: {"raw": f"echo raw {number}"},
            lambda: {"debug": {"msg": f"{{{{ word }}}} {{{{ {self._choice(_SHOWN)} }}}}"}},
            lambda: {"debug": {"var": self.random.choice(_VARIABLES)}},
            lambda: {"debug": {"msg": f"{{{{ {self._of_registered()} }}}}"}},
            lambda: {"set_fact": {"fact": f"{{{{ word }}}} {number}", "cacheable": self._sometimes(0.2)}},
            lambda: {"assert": {"that": [self._condition()], "quiet": self._sometimes(0.5)}},
            lambda: {"fail": {"msg": f"failed on {{{{ inventory_hostname }}}} {number}"}},
            lambda: {"copy": {"content": f"{{{{ word }}}} {number}\n", "dest": path, "mode": "0640"}},
            lambda: {"copy": {"content": {"a": number}, "dest": path, "force": self._sometimes(0.5)}},
            lambda: {"copy": {"src": "{{ workdir }}/one", "dest": "{{ workdir }}/copied", "remote_src": True}},
            lambda: {"file": {"path": "{{ workdir }}/dir", "state": "directory", "mode": "0750"}},
            lambda: {"file": {"path": path, "state": self.random.choice(["absent", "touch", "file"])}},
            lambda: {"file": {"src": "one", "dest": "{{ workdir }}/link", "state": "link", "force": True}},
            lambda: {"stat": {"path": path, "get_mime": False}},
            lambda: {"lineinfile": {"path": path, "line": f"line {number}", "create": self._sometimes(0.6)}},
            lambda: {"blockinfile": {"path": path, "block": f"block {number}", "create": True}},
            lambda: {"slurp": {"src": path}},
            lambda: {"fetch": {"src": path, "dest": "{{ shared_dir }}/", "fail_on_missing": self._sometimes(0.5)}},
            lambda: {"find": {"paths": "{{ workdir }}", "recurse": True, "file_type": "any"}},
            lambda: {"group_by": {"key": "made_{{ word | length }}"}},
            lambda: {"add_host": {"name": f"added-{number}", "groups": ["added"], "ansible_host": "127.0.0.1"}},
            lambda: {"ping": {"data": self.random.choice(["pong", "crash"])}},
            lambda: {"setup": {"gather_subset": ["!all", "!min", "platform"], "filter": ["ansible_system"]}},
            lambda: {"set_stats": {"data": {"counted": number}}},
            lambda: {"wait_for": {"path": path, "timeout": 0}},
            lambda: {"script": {"cmd": self._script()}},
            lambda: {"template": {"src": self._template(), "dest": path, "mode": "0600"}},
            lambda: {"include_vars": {"file": self._variables()}},
            lambda: {"command": {"cmd": "echo x", "no_such_option": 1}},
            lambda: {"pause": {"seconds": 0}},
            lambda: {"tempfile": {"path": "/no/such/directory"}},
            lambda: {"assemble": {"src": "{{ workdir }}", "dest": "{{ workdir }}/assembled", "regexp": "^(one|two)$"}},
            lambda: {"replace": {"path": path, "regexp": "(line) ", "replace": r"\1-"}},
            lambda: {"getent": {"database": "passwd", "key": "root"}},
        ]
        [(name, arguments)] = self.random.choice(actions)().items()
        if name in self._unwanted:
            return self._action()
        prefix = self.random.choice(["ansible.builtin.", "ansible.builtin.", "ansible.legacy.", ""])
        if name in ("group_by", "add_host", "include_vars"):
            prefix = "ansible.builtin."
        return {prefix + name: arguments}

    def _script(self) -> str:
        path = self._directory / "script.sh"
        path.write_text("#!/bin/sh\necho script $1; exit $2\n")
        return f"{path} word {self.random.choice([0, 0, 1])}"

    def _template(self) -> str:
        path = self._directory / "template.j2"
        path.write_text("{% for n in numbers %}{{ n }} {{ word }} {{ inventory_hostname }}\n{% endfor %}")
        return str(path)

    def _variables(self) -> str:
        path = self._directory / "variables.yml"
        path.write_text("word: included\nincluded: [1, 2]\n")
        return str(path)

    # -- keywords

    def _add(self, task: Task, keywords: Sequence[str], chance: float) -> None:
        for keyword in keywords:
            if self._sometimes(chance) and keyword not in self._unwanted and _fits(task, keyword):
                self._keyword(task, keyword)

    def _keyword(self, task: Task, keyword: str) -> None:
        number = self._number()
        match keyword:
            case "when":
                task["when"] = [self._condition() for _ in range(self.random.choice([1, 1, 2]))]
            case "vars":
                task["vars"] = {"word": f"of task {number}", "ansible_python_interpreter": "/usr/bin/python3"}
            case "tags":
                task["tags"] = self.random.sample(_TAGS, self.random.choice([1, 1, 2]))
            case "environment":
                task["environment"] = {"TASK_VARIABLE": "{{ inventory_hostname }}"}
            case "loop":
                form, value = self.random.choice(
                    [
                        ("loop", ["x", "{{ word }}", 3]),
                        ("loop", "{{ numbers }}"),
                        ("loop", []),
                        ("with_items", [["a"], "b"]),
                        ("with_dict", "{{ pairs }}"),
                        ("with_sequence", "count=2"),
                        ("with_nested", [[1, 2], ["a"]]),
                        ("loop", "{{ not_defined_anywhere }}"),
                    ]
                )
                task[form] = value
                if self._sometimes(0.4):
                    task["loop_control"] = self.random.choice(
                        [
                            {"label": "item {{ item }}"},
                            {"index_var": "number", "extended": True},
                            {"loop_var": "word"},
                            {"break_when": "ansible_loop_var is defined"},
                        ]
                    )
            case "plain_loop":
                task["loop"] = [1, 2]
            case "register":
                task["register"] = f"result{number}"
                self._registered.append(task["register"])
            case "changed_when" | "failed_when":
                task[keyword] = self.random.choice([True, False, self._condition()])
            case "delegate_to":
                task["delegate_to"] = self.random.choice([*NAMES, "localhost"])
                task["delegate_facts"] = self._sometimes(0.3)
            case "notify":
                task["notify"] = self.random.choice(_HANDLERS)
                task["changed_when"] = True
            case "until":
                task["until"] = self._condition()
                task["retries"] = self.random.choice([0, 1, 2])
                task["delay"] = 0
            case "throttle":
                task["throttle"] = self.random.choice([1, 2])
            case "module_defaults":
                task["module_defaults"] = {"ansible.builtin.command": {"chdir": "/usr"}}
            case "connection":
                task["connection"] = "local"
            case "async":
                task["async"] = 60
                task["poll"] = 1
            case "timeout":
                task["timeout"] = 60
            case "become":
                task["become"] = self._sometimes(0.7)
            case "any_errors_fatal":
                task["any_errors_fatal"] = self._sometimes(0.4)
            case _:
                task[keyword] = self._sometimes(0.8)

    def _condition(self) -> str:
        return self._choice(
            [
                f"inventory_hostname == '{self.random.choice(NAMES)}'",
                f"inventory_hostname != '{self.random.choice(NAMES)}'",
                "word is defined",
                "fact is defined",
                "ansible_check_mode",
                "groups.added is defined",
                "'made_4' in group_names",
                "included | default([]) | length > 1",
                f"{self._of_registered()}",
                "not_defined_anywhere == 1" if self._sometimes(0.1) else "true",
            ]
        )

    def _of_registered(self) -> str:
        if not self._registered:
            return "word == 'play'"
        name = self.random.choice(self._registered)
        return self.random.choice(
            [
                f"{name} is changed",
                f"{name} is failed",
                f"{name} is skipped",
                f"{name} is defined",
                f"({name}.rc | default(0)) == 0",
                f"({name}.results | default([]) | length) > 1",
            ]
        )

    def _choice(self, values: Sequence[str]) -> str:
        return self.random.choice([value for value in values if value not in self._unwanted])

    def _name(self) -> str:
        return f"Task {self._next()}" + (" {{ word }}" if self._sometimes(0.1) else "")

    def _next(self) -> int:
        self._count += 1
        return self._count

    def _number(self) -> int:
        return self.random.randint(1, 99)

    def _sometimes(self, chance: float) -> bool:
        return self.random.random() < chance


def _fits(task: Task, keyword: str) -> bool:
    """Tell whether a task may have a keyword, besides what it has."""
    if keyword == "loop":
        return not any(key == "loop" or key.startswith("with_") for key in task)
    if keyword == "delegate_to":
        # The output of raw on one host for several shows how ssh shared the connection.
        return not any(key.endswith("raw") for key in task)
    return True
