# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The agent with real zygotes: interpreters that are of no use, and answers that come through all of it."""

from __future__ import annotations

import json
import queue
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.service.outcome import Answer, Failure
from ansible_svc.service.testing import FakeNetwork, FakeRequest
from ansible_svc.store import digest_bytes
from ansible_svc.target.agent import AgentService
from ansible_svc.transport.boot import NO_PYTHON, interpreter_argv
from tests.integration.target.conftest import PATIENCE_S, Bench, Module, alive, eventually, read_pid, sources

ECHO = "AnsibleModule(argument_spec={}).exit_json(said='hello')\n"


class Agent:
    """Be the controller of one agent, without a wire."""

    def __init__(self) -> None:
        self.service = AgentService(FakeNetwork().router(1, parent_ids=[0]))
        self.service.hello(sources=sources, candidates=[])
        self.last = FakeRequest()

    def ask(self, method: str, **arguments: Any) -> queue.SimpleQueue[Any]:
        outcomes: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.last = FakeRequest()
        answer = getattr(self.service, method)(**arguments, before=[], request=self.last)
        if isinstance(answer, dict):
            outcomes.put(Answer(answer))
        else:
            answer.on_settled(outcomes.put)
        return outcomes

    def start_module(self, bench: Bench, module: Module, interpreter: str) -> queue.SimpleQueue[Any]:
        files = [[path, digest_bytes(content)] for path, content in module.parts.files.items()]
        manifest = json.dumps({"files": files, "modules": ["ansible.module_utils.basic"]}).encode()
        return self.ask(
            "run_module",
            bundle=digest_bytes(manifest),
            pack=bench.pack([manifest, *module.parts.files.values()]),
            interpreter=interpreter,
            module={
                "fqn": module.parts.fqn,
                "name": "x",
                "profile": module.parts.profile,
                "env": {},
                "cwd": None,
                "nofile": 0,
            },
            arguments=b'{"ANSIBLE_MODULE_ARGS": {}}',
        )

    def module(self, bench: Bench, module: Module, interpreter: str = sys.executable) -> dict[str, Any]:
        return result(self.start_module(bench, module, interpreter))

    def command(self, *argv: str) -> dict[str, Any]:
        return result(self.ask("exec_command", argv=list(argv), stdin=b"", cwd=None, env={}, pty=False))


def result(outcomes: queue.SimpleQueue[Any]) -> dict[str, Any]:
    outcome: Answer | Failure = outcomes.get(timeout=PATIENCE_S)
    value: dict[str, Any] = outcome.unwrap()
    return value


@pytest.fixture
def agent() -> Iterator[Agent]:
    agent = Agent()
    yield agent
    agent.service.on_shutdown()


def script(folder: Path, text: str, mode: int = 0o755) -> str:
    path = folder / "interpreter"
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def test_a_module_and_a_command(agent: Agent, bench: Bench) -> None:
    answer = agent.module(bench, bench.module("echo", ECHO))
    assert json.loads(answer["out"])["said"] == "hello"
    assert (answer["rc"], answer["err"]) == (0, b"")
    assert agent.command("echo", "x") == {"rc": 0, "out": b"x\n", "err": b""}
    assert agent.command("/no/such/program")["rc"] == 127
    assert agent.command(script(bench.folder, "text", 0o644))["rc"] == 126


def test_an_interpreter_that_is_not_there(agent: Agent, bench: Bench) -> None:
    answer = agent.module(bench, bench.module("echo", ECHO), "/no/such/python")
    assert answer == {"rc": 127, "out": b"", "err": b"/bin/sh: 1: /no/such/python: not found\n"}


@pytest.mark.parametrize("what", ["file", "directory"])
def test_an_interpreter_that_is_not_executable(agent: Agent, bench: Bench, what: str) -> None:
    path = str(bench.folder) if what == "directory" else script(bench.folder, "#!/bin/sh\n", 0o644)
    answer = agent.module(bench, bench.module("echo", ECHO), path)
    assert (answer["rc"], answer["err"]) == (126, f"/bin/sh: 1: {path}: Permission denied\n".encode())


@pytest.mark.parametrize(
    "text",
    [
        "#!/bin/sh\nexit 0\n",
        "#!/bin/sh\necho 'SyntaxError: too old' >&2\nexit 1\n",
        f"#!/bin/sh\nexec {sys.executable} -c 'import sys; sys.exit(\"too old\")'\n",
        "#!/bin/sh\nkill -9 $$\n",
    ],
    ids=["exits", "fails", "is too old", "dies"],
)
def test_an_interpreter_that_is_of_no_use(agent: Agent, bench: Bench, text: str) -> None:
    """Twice: it is not remembered as a zygote."""
    path = script(bench.folder, text)
    for _ in range(2):
        answer = agent.module(bench, bench.module("echo", ECHO), path)
        assert set(answer) == {"unusable"}
    assert agent.command("true")["rc"] == 0


OLD = [
    path
    for path in (Path.home() / ".pyenv" / "versions").glob("*/bin/python")
    if "/2." in str(path) or "/3.6" in str(path)
]


@pytest.mark.parametrize("path", OLD, ids=lambda path: path.parts[-3])
def test_a_python_that_is_too_old(agent: Agent, bench: Bench, path: Path) -> None:
    assert set(agent.module(bench, bench.module("echo", ECHO), str(path))) == {"unusable"}


@pytest.mark.parametrize("first", ["nothing", "a command", "a module"])
def test_module_utils_that_cannot_be_imported(agent: Agent, bench: Bench, first: str) -> None:
    """An ansible-core whose module_utils need a newer Python; what ran before in the same interpreter was fine."""
    if first == "a command":
        assert agent.command("true")["rc"] == 0
    elif first == "a module":
        assert agent.module(bench, bench.module("echo", ECHO))["rc"] == 0
    broken = bench.module(
        "echo", ECHO, {"ansible/module_utils/basic.py": lambda content: b"raise SystemExit('this Python is too old')\n"}
    )
    answer = agent.module(bench, broken)
    assert "this Python is too old" in answer.get("unusable", ""), answer


def test_what_nobody_waits_for_is_killed(agent: Agent, bench: Bench) -> None:
    path = bench.folder / "pid"
    source = f"import os, time\nopen({str(path)!r}, 'w').write('%d\\n' % os.getpid())\ntime.sleep(600)\n"
    outcomes = agent.start_module(bench, bench.module("sleeps", source), sys.executable)
    pid = read_pid(path)
    agent.last.cancel(TimeoutError())
    assert result(outcomes)["rc"] == -9
    assert not alive(pid)


def test_the_end_of_the_agent_ends_everything(bench: Bench) -> None:
    agent = Agent()
    path = bench.folder / "pid"
    outcomes = agent.ask(
        "exec_command", argv=["sh", "-c", f"echo $$ > {path}; exec sleep 600"], stdin=b"", cwd=None, env={}, pty=False
    )
    pid = read_pid(path)
    agent.service.on_shutdown()
    assert result(outcomes)["rc"] == 126
    eventually(lambda: not alive(pid))


# -- the command that starts an agent's interpreter


def start(bench: Bench, candidates: list[str], *arguments: str) -> tuple[int, str, str]:
    outcome = bench.command([*interpreter_argv(candidates), *arguments])
    return outcome.rc, outcome.out.decode(), outcome.err.decode()


def test_the_first_candidate_that_exists_is_run(bench: Bench) -> None:
    odd = bench.folder / "a b;'\"$x"
    odd.symlink_to("/bin/echo")
    assert start(bench, ["no-such-python", "/no/such/python", str(odd), "false"], "one", "two words") == (
        0,
        "one two words\n",
        "",
    )
    assert start(bench, ["false", "echo"]) == (1, "", "")


@pytest.mark.parametrize("candidates", [[], ["no-such-python"], ["/proc/version"], ["; echo hacked", "$(echo hacked)"]])
def test_no_candidate(bench: Bench, candidates: list[str]) -> None:
    assert start(bench, candidates) == (127, "", NO_PYTHON + "\n")
