# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How often a run waits for an answer, and how much it sends, counted on the line.

The bounds are there to be lowered.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.target.blobs import CHUNK_BYTES
from tests.lab import Lab
from tests.lab.proxy import Counters
from tests.lab.wire import Wire

# Long enough that what belongs together arrives together, on a busy machine as well.
ROUND_TRIP_S = 0.1
PIECES = -(-10_000_000 // CHUNK_BYTES)
COMMAND: dict[str, Any] = {"ansible.builtin.command": "true", "changed_when": False}


OWN = """
from ansible.module_utils.basic import AnsibleModule
module = AnsibleModule(argument_spec={"word": {"type": "str"}})
module.exit_json(word=module.params["word"])
"""


class Stage:
    """Hold a line, an empty cache at its other end, and what a login alone costs."""

    def __init__(self, wire: Wire, cache: Path) -> None:
        self._wire = wire
        self._cache = cache
        self.login = wire.handshake()

    def run(self, *tasks: dict[str, Any], library: Path | None = None, **options: object) -> Counters:
        sections: dict[str, dict[str, object]] = {"svc": {"cache_dir": self._cache, **options}}
        if library is not None:
            sections["defaults"] = {"library": library}
        return self._wire.run(tasks, strategy="svc_linear", sections=sections)


@pytest.fixture
def stage(lab: Lab, tmp_path: Path) -> Iterator[Stage]:
    with Wire(lab, 1, ROUND_TRIP_S) as wire:
        yield Stage(wire, tmp_path / "cache")


def copy(name: str, content: str) -> dict[str, Any]:
    return {"ansible.builtin.copy": {"dest": f"{{{{ workdir }}}}/{name}", "content": content}}


def test_connecting_waits_and_sends_no_more_than_it_has_to(stage: Stage) -> None:
    """The handshake, one round trip when the host knows the agent's code, one more when it does not; and the task's."""
    cold = stage.run(COMMAND)
    assert cold.round_trips - stage.login.round_trips <= 3
    assert cold.to_server_bytes + cold.to_client_bytes < 146_000
    warm = stage.run(COMMAND)
    assert warm.round_trips - stage.login.round_trips <= 2
    assert warm.to_server_bytes + warm.to_client_bytes < 13_000


def test_a_module_and_a_small_copy_wait_once(stage: Stage) -> None:
    names = [f"round-trips-{number}" for number in range(4)]
    line = [
        {"ansible.builtin.lineinfile": {"path": f"{{{{ workdir }}}}/{n}", "line": "x", "create": True}} for n in names
    ]
    stat = [{"ansible.builtin.stat": {"path": f"{{{{ workdir }}}}/{n}"}} for n in names]
    before = [copy(name, "a" * 1000) for name in names]
    after = [copy(name, "b" * 1000) for name in names]
    connected = stage.login.round_trips + 1
    stage.run(COMMAND, line[0], stat[0], *before)  # so that what follows has its code there
    changed = stage.run(*[COMMAND] * 4, *line, *stat, *after)
    assert changed.round_trips - connected <= 16
    assert changed.to_server_bytes < 7_000 + 16 * 300
    assert changed.to_client_bytes < 6_000 + 16 * 400
    unchanged = stage.run(*after)
    assert unchanged.round_trips - connected <= 4


def test_copies_wait_no_more_often_than_they_have_to(stage: Stage, tmp_path: Path) -> None:
    """Large content is not sent before it is known to be needed; then it comes in pieces, several at a time."""
    (tmp_path / "template.j2").write_text("{{ inventory_hostname }}")
    (tmp_path / "large").write_bytes(bytes(30_000))
    (tmp_path / "huge").write_bytes(os.urandom(10_000_000))

    def tasks(name: str) -> list[dict[str, Any]]:
        template = {"src": str(tmp_path / "template.j2"), "dest": f"{{{{ workdir }}}}/{name}-template"}
        sources = [
            {"src": str(tmp_path / size), "dest": f"{{{{ workdir }}}}/{name}-{size}"} for size in ("large", "huge")
        ]
        return [{"ansible.builtin.template": template}, *({"ansible.builtin.copy": source} for source in sources)]

    connected = stage.login.round_trips + 1
    stage.run(*tasks("first"))
    # One, two, and two with the transfer: pieces are asked for several at a time, and ssh widens its window for them.
    changed = stage.run(*tasks("second")).round_trips - connected
    # 20 to 27 were counted for the transfer; one piece after the other would be 39.
    assert changed <= 1 + 2 + 2 + PIECES * 3 // 4
    assert stage.run(*tasks("second")).round_trips - connected <= 3


def test_a_module_of_ones_own_and_file_wait_once(stage: Stage, tmp_path: Path) -> None:
    """One that needs a runner of its own is no other than one that does not."""
    (tmp_path / "own.py").write_text(OWN)
    own: dict[str, Any] = {"own": {"word": "x"}}
    file: dict[str, Any] = {"ansible.builtin.file": {"path": "{{ workdir }}/round-trips-dir", "state": "directory"}}
    absent: dict[str, Any] = {"ansible.builtin.file": {"path": "{{ workdir }}/round-trips-dir", "state": "absent"}}
    connected = stage.login.round_trips + 1
    stage.run(own, file, absent, library=tmp_path)
    counted = stage.run(*[own] * 4, *[file, absent] * 2, library=tmp_path)
    assert counted.round_trips - connected <= 8
    assert counted.to_server_bytes < 7_000 + 8 * 400
    assert counted.to_client_bytes < 6_000 + 8 * 400


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_one_more_task_as_another_user_waits_once(stage: Stage) -> None:
    task = {**COMMAND, "become": True, "become_user": "nobody"}
    stage.run(task)
    one, five = stage.run(task), stage.run(*[task] * 5)
    assert five.round_trips - one.round_trips <= 4
    assert five.to_server_bytes - one.to_server_bytes < 4 * 400
    assert five.to_client_bytes - one.to_client_bytes < 4 * 400


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming somebody else needs root")
def test_who_was_become_takes_code_from_the_login(stage: Stage) -> None:
    alone = stage.run(COMMAND, cache=False)
    both = stage.run(COMMAND, {**COMMAND, "become": True, "become_user": "nobody"}, cache=False)
    # The code for becoming is 17 KB; that of the agent and of the module are some 130.
    assert both.to_server_bytes - alone.to_server_bytes < 25_000
    assert both.round_trips - alone.round_trips <= 2
