# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold what plugins of a playbook's own do to their process to what neighbours and later tasks see of it: nothing.

Under linear a worker's fork keeps it apart. Each host asks for something else at the same time.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import both, inventory
from tests.lab import Lab

HOSTS = 4

LOOKUP = """
from __future__ import annotations

import asyncio
import locale
import os
import signal
import subprocess
import warnings

from ansible.plugins.lookup import LookupBase


class LookupModule(LookupBase):
    def run(self, terms, variables=None, **kwargs):
        os.environ["ISOLATION"] = variables["inventory_hostname"]
        os.environ.pop("HOME")
        os.chdir(variables["workdir"])
        os.umask(0o007)
        locale.setlocale(locale.LC_ALL, "C")
        warnings.simplefilter("error")
        signal.signal(signal.SIGALRM, signal.SIG_IGN)
        asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.3))
        return [subprocess.check_output("echo $ISOLATION $PWD $(umask)", shell=True, text=True).strip()]
"""

FILTER = """
from __future__ import annotations

import os
import time


def wander(value, directory):
    os.chdir(directory)
    os.umask(0o027)
    time.sleep(0.3)
    before = os.umask(0o027)
    return [value, os.getcwd(), before]


class FilterModule:
    def filters(self):
        return {"wander": wander}
"""

SEEN = "{{ lookup('pipe', 'echo $ISOLATION $HOME $(pwd) $(umask) $(locale 2>/dev/null | grep LC_ALL)') }}"

TASKS: list[dict[str, Any]] = [
    {"name": "Lookup", "ansible.builtin.debug": {"msg": "{{ lookup('strange', 1) }}"}},
    {"name": "Seen", "ansible.builtin.debug": {"msg": SEEN}},
    {"name": "Loop", "ansible.builtin.command": "echo {{ item }}", "changed_when": False, "with_strange": [1]},
    {"name": "Register", "ansible.builtin.set_fact": {"found": "{{ query('strange') }}"}},
    {"name": "Later", "ansible.builtin.debug": {"msg": "{{ found }}"}, "failed_when": "query('strange') == []"},
    {
        "name": "Some",
        "ansible.builtin.debug": {"msg": "{{ lookup('strange') }}"},
        "when": "groups.lab.index(inventory_hostname) is odd",
    },
]
FILTERING: list[dict[str, Any]] = [
    {"name": "Filter", "ansible.builtin.debug": {"msg": "{{ inventory_hostname | wander(workdir) }}"}},
    {"name": "Seen", "ansible.builtin.debug": {"msg": SEEN}},
]


def _play(folder: Path, kind: str, source: str, tasks: list[dict[str, Any]]) -> Path:
    (folder / f"{kind}_plugins").mkdir()
    (folder / f"{kind}_plugins" / "strange.py").write_text(source)
    path = folder / "playbook.yml"
    path.write_text(json.dumps([{"name": "Isolation", "hosts": "all", "gather_facts": False, "tasks": tasks}]))
    return path


def test_a_lookup_that_changes_its_process(lab: Lab, tmp_path: Path) -> None:
    pair = both(lab, _play(tmp_path, "lookup", LOOKUP, TASKS), inventory(lab, HOSTS))

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native("lookup plugin strange is not known to be safe on threads")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives threads a directory and a umask of their own")
def test_a_filter_that_changes_directory_and_umask(lab: Lab, tmp_path: Path) -> None:
    pair = both(lab, _play(tmp_path, "filter", FILTER, FILTERING), inventory(lab, HOSTS))

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()
