# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold what a user sees and types to what it is under ansible-core: prompts, steps, debugger, output, retry files."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.integration.conversation import Keys, Said, converse
from tests.integration.outputs import assert_same_lines, lines
from tests.integration.twin import CANDIDATE, PLAYBOOKS, STOCK, Pair, begin_afresh, both, inventory, run
from tests.lab import Lab
from tests.lab.playbook import executable

PROMPTS: dict[str, Any] = {
    "name": "Prompts",
    "hosts": "all",
    "gather_facts": False,
    "vars_prompt": [
        {"name": "colour", "prompt": "Which colour", "private": False, "default": "red"},
        {"name": "secret", "prompt": "Secret", "confirm": True},
    ],
    "tasks": [
        {"name": "Told", "ansible.builtin.debug": {"msg": "{{ colour }} {{ secret | length }}"}},
        {"name": "Answer", "ansible.builtin.command": "echo {{ colour }}", "changed_when": False},
        {
            "name": "Wrong",
            "ansible.builtin.assert": {"that": "false"},
            "run_once": True,
            "debugger": "on_failed",
        },
        {
            "name": "Wrong elsewhere",
            "ansible.builtin.command": "false",
            "when": "inventory_hostname == groups.lab[0]",
            "debugger": "on_failed",
        },
        {"name": "Go on", "ansible.builtin.command": "echo on", "changed_when": False},
    ],
}
PROMPT_ANSWERS = [
    ("BECOME password", "unused\n"),
    ("Which colour", "\n"),
    ("Secret: ", "12345\n"),
    ("confirm Secret: ", "12345\n"),
    ("Wrong (debug)>", "p task.run_once\n"),
    ("Wrong (debug)>", 'task.args["that"] = []\n'),
    ("Wrong (debug)>", "redo\n"),
    ("Wrong elsewhere (debug)>", 'task.args["_raw_params"] = "true"\n'),
    ("Wrong elsewhere (debug)>", "redo\n"),
]
ENDLESS = {"ansible.builtin.pause": {"seconds": 600}}
PAUSES: dict[str, Any] = {
    "name": "Pauses",
    "hosts": "all",
    "gather_facts": False,
    "tasks": [
        {"name": "Ask", "ansible.builtin.pause": {"prompt": "Which colour"}, "register": "colour"},
        {"name": "Secret", "ansible.builtin.pause": {"prompt": "Word", "echo": False}, "register": "word"},
        {"name": "Told", "ansible.builtin.debug": {"msg": "{{ colour.user_input }} {{ word.user_input | length }}"}},
        {"name": "Enter", "ansible.builtin.pause": None},
        {"name": "Cut short", **ENDLESS},
        {"name": "Worked", "ansible.builtin.command": "echo on", "changed_when": False},
        {"name": "Given up", **ENDLESS},
        {"name": "Not reached", "ansible.builtin.debug": {"msg": "wrong"}},
    ],
}
INTERRUPT = "\x03"
PAUSE_ANSWERS = [
    ("Which colour:", Keys("blue\r")),
    ("Word (output is hidden):", Keys("12345\r")),
    ("Press enter to continue, Ctrl+C to interrupt:", Keys("\r")),
    ("TASK [Cut short]", ""),
    ("(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)", Keys(INTERRUPT)),
    ("Press 'C' to continue the play or 'A' to abort", Keys("C")),
    ("TASK [Given up]", ""),
    ("(ctrl+C then 'C' = continue early, ctrl+C then 'A' = abort)", Keys(INTERRUPT)),
    ("Press 'C' to continue the play or 'A' to abort", Keys("A")),
]
STEPS = ["y", "n", "", "yes", "c"]
STEPPED: dict[str, Any] = {
    "name": "Stepped",
    "hosts": "all",
    "gather_facts": False,
    "tasks": [
        {"name": f"Step {number}", "ansible.builtin.command": f"echo {number}", "changed_when": False}
        for number in range(len(STEPS) + 1)
    ],
}

# One host at a time, so that not a line may move.
EXACT: list[dict[str, Any]] = [
    {
        "name": "Exact",
        "hosts": "all",
        "gather_facts": False,
        "order": "reverse_sorted",
        "tasks": [
            {"name": "Loop", "ansible.builtin.command": "echo {{ item }}", "loop": [1, 2], "notify": "Handler"},
            {
                "name": "Diff",
                "ansible.builtin.copy": {
                    "content": "{{ inventory_hostname }}\n",
                    "dest": "{{ workdir }}/f",
                    "mode": "0600",
                },
            },
            {"name": "Warn", "ansible.builtin.command": "echo {{ 1 }} warn", "args": {"creates": "/no/such/*"}},
            {"name": "Skip", "ansible.builtin.command": "false", "when": False},
            {
                "name": "Retry",
                "ansible.builtin.command": "false",
                "retries": 1,
                "delay": 0,
                "until": False,
                "ignore_errors": True,
                # ansible-core tells of attempts and of results on two threads, so those of several hosts have no order
                "run_once": True,
            },
            {"name": "Fail one", "ansible.builtin.fail": {"msg": "as asked"}, "when": "inventory_hostname == 'host02'"},
            {
                "name": "Nested",
                "block": [{"name": "Bad", "ansible.builtin.command": "no-such-program"}],
                "rescue": [{"ansible.builtin.debug": {"var": "ansible_failed_result.rc"}}],
            },
        ],
        "handlers": [{"name": "Handler", "ansible.builtin.debug": {"msg": "handled"}}],
    },
    {
        "name": "Second",
        "hosts": "all",
        "gather_facts": False,
        "order": "inventory",
        "tasks": [{"ansible.builtin.ping": {}}],
    },
]


# The first host is done at once, the others wait for somebody who has read what was printed until then.
WAITING: dict[str, Any] = {
    "name": "Waiting",
    "hosts": "all",
    "gather_facts": False,
    "tasks": [
        {
            "name": "Wait",
            "ansible.builtin.wait_for": {
                "path": "{{ workdir if inventory_hostname == 'host01' else '%s' }}",
                "timeout": 60,
            },
        }
    ],
}


def _talk(lab: Lab, strategy: str, hosts: Path, arguments: list[str], answers: list[tuple[str, str]]) -> Said:
    begin_afresh(lab)
    cfg = lab.ansible_cfg(strategy=strategy, pipelining=True)
    said = converse([*executable(), "-i", str(hosts), *arguments], lab.env(cfg, TERM="dumb"), lab.directory, answers)
    lab.close_masters()
    return said


def test_prompts_and_the_debugger(lab: Lab, tmp_path: Path) -> None:
    book = tmp_path / "prompts.yml"
    book.write_text(json.dumps([PROMPTS]))
    hosts = inventory(lab, 2)

    stock, ours = (_talk(lab, strategy, hosts, [str(book), "-K"], PROMPT_ANSWERS) for strategy in (STOCK, CANDIDATE))

    assert stock.rc == 0, stock.text
    assert ours.rc == stock.rc, ours.text
    assert_same_lines(stock.text, ours.text, "terminal")


def test_pauses(lab: Lab, tmp_path: Path) -> None:
    book = tmp_path / "pauses.yml"
    book.write_text(json.dumps([PAUSES]))
    hosts = inventory(lab, 2)

    stock, ours = (_talk(lab, strategy, hosts, [str(book)], PAUSE_ANSWERS) for strategy in (STOCK, CANDIDATE))

    assert "blue 5" in stock.text, stock.text
    assert "Not reached" not in stock.text, stock.text
    assert ours.rc == stock.rc, ours.text
    assert_same_lines(stock.text, ours.text, "terminal")


def test_step_by_step(lab: Lab, tmp_path: Path) -> None:
    book = tmp_path / "stepped.yml"
    book.write_text(json.dumps([STEPPED]))
    hosts = inventory(lab, 1)
    question = "(N)o/(y)es/(c)ontinue: "
    # Once answered, the question is repeated as a heading.
    answers = [part for answer in STEPS for part in ((question, f"{answer}\n"), (f"{question}*", ""))]

    stock, ours = (_talk(lab, strategy, hosts, [str(book), "--step"], answers) for strategy in (STOCK, CANDIDATE))

    assert stock.rc == 0, stock.text
    assert ours.rc == stock.rc, ours.text
    assert lines(ours.text) == lines(stock.text)


def test_output_line_for_line_and_retry_files(lab: Lab, tmp_path: Path) -> None:
    outcomes = []
    book, retry = tmp_path / "exact.yml", tmp_path / "exact.retry"
    book.write_text(json.dumps(EXACT))
    hosts = inventory(lab, 3)
    for strategy in (STOCK, CANDIDATE):
        options: dict[str, Any] = {"retry_files_enabled": True, "retry_files_save_path": tmp_path}
        outcomes.append(run(lab, strategy, book, hosts, args=["--forks", "1", "--diff"], **options))
        assert retry.read_text() == "host02\n"
        retry.unlink()

    stock, ours = outcomes
    assert ours.run.rc == stock.run.rc
    assert lines(ours.run.stdout) == lines(stock.run.stdout)
    assert lines(ours.run.stderr) == lines(stock.run.stderr)
    Pair(stock, ours).assert_native()


@pytest.mark.parametrize("strategy", [STOCK, CANDIDATE, "svc_free"])
def test_output_is_there_while_tasks_run(lab: Lab, tmp_path: Path, strategy: str) -> None:
    """Who reads it through a pipe sees what is under way, and with our strategies what the other hosts have said."""
    seen = tmp_path / "seen"
    book = tmp_path / "waiting.yml"
    book.write_text(json.dumps([WAITING]) % seen)
    awaited = "TASK [Wait]" if strategy == STOCK else "ok: [host01]"
    env = lab.env(lab.ansible_cfg(strategy=strategy, pipelining=True))
    env.pop("PYTHONUNBUFFERED", None)
    command = [*executable(), "-i", str(inventory(lab, 3)), str(book)]
    with subprocess.Popen(command, env=env, cwd=lab.directory, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        said = []
        for line in process.stdout:
            said.append(line)
            if line.startswith(awaited):
                seen.touch()
    lab.close_masters()

    assert process.returncode == 0, "".join(said)


@pytest.mark.parametrize(
    ("name", "book", "limit"),
    [
        ("free", "blocks", "host01"),
        ("free", "handlers", "all"),
        ("free", "includes", "all"),
        ("free", "meta", "host01"),
        ("free", "roles", "host01"),
        ("host_pinned", "blocks", "host01"),
        ("host_pinned", "blocks", "host02"),
        ("host_pinned", "meta", "host01"),
        ("host_pinned", "serial", "all"),
    ],
)
def test_strategies_without_lockstep(lab: Lab, name: str, book: str, limit: str) -> None:
    """One host gives the same lines; several do the same things, each in its order.

    Not with blocks: what `clear_host_errors` takes from the other hosts, which is where they stand in a failed block,
    depends on who is faster, with ansible-core's own strategies as well.
    """
    if CANDIDATE == STOCK:
        pytest.skip("this compares other strategies")
    path = PLAYBOOKS / f"{book}.yml"
    pair = both(lab, path, inventory(lab, 3), strategies=(name, f"svc_{name}"), args=["--limit", limit])

    pair.assert_equal_by_host()
    if limit != "all":
        assert lines(pair.ours.run.stdout) == lines(pair.stock.run.stdout)
    pair.assert_native()
