# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Add the collection ansible_svc.svc to the wheel.

ansible-core looks for `ansible_collections` on sys.path, so that `strategy: ansible_svc.svc.svc_linear` works after
`pip install` alone. An editable install gets no copy, because the copy would not follow the checkout: there
ANSIBLE_COLLECTIONS_PATH points to a link (see tests/lab/lab.py).
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

COLLECTION = "ansible_collections/ansible_svc/svc"


class CustomBuildHook(BuildHookInterface):  # type: ignore[type-arg]
    """Put a copy of the plugins and the collection's metadata below ansible_collections."""

    _copy: tempfile.TemporaryDirectory[str] | None = None

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the files; version is "standard" or "editable" (hatchling, builders/wheel.py)."""
        if version == "editable":
            return
        # From a copy: a file that is included by force is no longer included where it belongs.
        self._copy = tempfile.TemporaryDirectory()
        root, copy = Path(self.root), Path(self._copy.name) / "svc"
        shutil.copytree(
            root / "ansible_svc" / "plugins", copy / "plugins", ignore=shutil.ignore_patterns("__pycache__")
        )
        shutil.copytree(root / "meta", copy / "meta")
        shutil.copy(root / "galaxy.yml", copy)
        build_data["force_include"][str(copy)] = COLLECTION

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        """Remove the copy."""
        if self._copy is not None:
            self._copy.cleanup()
