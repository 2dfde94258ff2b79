# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A playbook for ansible-playbook's parser, which wants one at least."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def empty_playbook() -> Iterator[str]:
    """Give the path of a playbook in which nothing is."""
    with tempfile.TemporaryDirectory(prefix="ansible-svc-") as directory:
        path = Path(directory) / "nothing.yml"
        path.write_text("[]\n")
        yield str(path)
