# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is public is what __all__ says, and it loads on demand."""

from __future__ import annotations

import pytest

import ansible_svc.service


def test_every_public_name_loads() -> None:
    for name in ansible_svc.service.__all__:
        assert getattr(ansible_svc.service, name).__name__ == name
    assert sorted(ansible_svc.service.__all__) == list(ansible_svc.service.__all__)
    assert dir(ansible_svc.service) == list(ansible_svc.service.__all__)


def test_no_other_name_does() -> None:
    with pytest.raises(AttributeError, match="Nothing"):
        ansible_svc.service.Nothing  # type: ignore[attr-defined]
