# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Do without what a machine lacks, but not where everything has to be there: a skipped test is green."""

from __future__ import annotations

import os
from typing import NoReturn

import pytest

EVERYTHING = ("CI", "SVC_TEST_EVERYTHING")
"""Environment variables that say so: that of CI systems, and the one of .ci/run."""


def lacking(what: str) -> NoReturn:
    """Skip the test, which needs what (a sentence that says how to get it); fail it where nothing may be lacking."""
    named = [name for name in EVERYTHING if os.environ.get(name)]
    if named:
        pytest.fail(f"{what}; with {named[0]} set that is an error")
    pytest.skip(what)
