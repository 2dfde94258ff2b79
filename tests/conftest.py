# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set up what all tests share."""

from __future__ import annotations

import os
import signal

from hypothesis import settings

# A shared machine stalls for longer than hypothesis' default of 200 ms now and then; that says nothing about the code.
settings.register_profile("default", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure() -> None:
    """Let a plain kill (of timeout(1), of a CI runner) end the session like Ctrl-C, so that fixtures are torn down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
