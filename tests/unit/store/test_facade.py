# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What ansible_svc.store offers by name, and what looking at it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import ansible_svc.store
from ansible_svc.errors import Error


def test_every_public_name_exists() -> None:
    for name in ansible_svc.store.__all__:
        assert getattr(ansible_svc.store, name).__module__.startswith("ansible_svc.store.")


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no_such_name"):
        _ = ansible_svc.store.no_such_name


def test_importing_the_package_imports_no_store() -> None:
    code = "import sys, ansible_svc.store; print([m for m in sys.modules if m.startswith('ansible_svc.store.')])"
    output = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "[]"


def test_a_store_in_use_does_not_import_what_is_slow() -> None:
    code = (
        "import sys; before = set(sys.modules); from ansible_svc.store import LayeredStore, MemoryStore, DiskStore;"
        "LayeredStore(MemoryStore(9), DiskStore('/nonexistent', 9)).get('0' * 64);"
        "print({'dataclasses', 'typing', 'pathlib', 'inspect'} & (set(sys.modules) - before) - {'typing'})"
    )
    output = subprocess.run([sys.executable, "-S", "-c", code], check=True, capture_output=True, text=True).stdout
    assert output.strip() == "set()"


def test_errors_cross_the_wire_by_name() -> None:
    error = ansible_svc.store.file_access_error("read", "/some/file", PermissionError(13, "Permission denied"))
    assert isinstance(error, OSError)
    arrived = Error.registry[error.code](error.message, error.details)
    assert str(arrived) == "cannot read /some/file: Permission denied"
    assert (arrived.errno, arrived.filename) == (13, "/some/file")
