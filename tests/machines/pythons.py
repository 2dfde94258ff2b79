# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find the interpreters that a machine has."""

from __future__ import annotations

from pathlib import Path

_PLACES = ("/usr/bin", "/usr/local/bin", "/opt/python*/bin", "~/.pyenv/versions/{release}.*/bin", "~/.local/bin")


def find(release: str) -> str | None:
    """Return the path of an interpreter of this release ("3.9"), None when the machine has none."""
    for place in _PLACES:
        pattern = str(Path(place.format(release=release)).expanduser()).lstrip("/")
        for found in sorted(Path("/").glob(f"{pattern}/python{release}")):
            return str(found)
    return None
