# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to what linear does with playbooks that nobody has thought of.

SVC_TEST_SEEDS=100-200 python -m pytest tests/integration/test_random_plays.py
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.integration.random_plays import HOSTS, write_book
from tests.integration.twin import both, inventory
from tests.lab import Lab

_FIRST, _, _LAST = os.environ.get("SVC_TEST_SEEDS", "1-3").partition("-")
SEEDS = range(int(_FIRST), int(_LAST or _FIRST) + 1)


@pytest.mark.parametrize("seed", SEEDS)
def test_random_playbook(lab: Lab, tmp_path: Path, seed: int) -> None:
    book = write_book(seed, tmp_path)
    both(lab, book.path, inventory(lab, HOSTS, hosts=book.hosts), args=book.args).assert_equal()


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
def test_random_playbook_out_of_step(lab: Lab, tmp_path: Path, seed: int, strategy: str) -> None:
    book = write_book(seed, tmp_path, independent=True)
    hosts = inventory(lab, HOSTS, hosts=book.hosts)
    both(lab, book.path, hosts, strategies=(strategy, f"svc_{strategy}"), args=book.args).assert_equal_by_host()
