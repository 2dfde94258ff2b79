# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add the collection ansible_svc.svc to the wheel.

ansible-core looks for `ansible_collections` on sys.path, so that `strategy: ansible_svc.svc.svc_linear` works after
`pip install` alone. An editable install gets no copy, because the copy would not follow the checkout: there
ANSIBLE_COLLECTIONS_PATH points to a link (see tests/lab/lab.py).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COLLECTION = "ansible_collections/ansible_svc/svc"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Map the plugins and the collection's metadata to their place below ansible_collections."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; version is "standard" or "editable" (hatchling, builders/wheel.py)."""
        if version == "editable":
            return
        root = Path(self.root)
        sources = [
            *(path for path in (root / "ansible_svc" / "plugins").rglob("*.py")),
            root / "meta" / "runtime.yml",
            root / "galaxy.yml",
        ]
        for source in sources:
            inside = source.relative_to(root).as_posix().removeprefix("ansible_svc/")
            build_data["force_include"][str(source)] = f"{COLLECTION}/{inside}"
