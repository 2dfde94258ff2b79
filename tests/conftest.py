# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Set up what all tests share."""

from __future__ import annotations

import os
import signal

from hypothesis import HealthCheck, settings

# A shared machine stalls now and then for longer than hypothesis allows for an example (200 ms) or for making ten of
# them (1 s); that says nothing about the code.
settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("ci", settings.get_profile("default"), derandomize=True, print_blob=True)
settings.load_profile("ci" if os.environ.get("CI") else "default")


def pytest_configure() -> None:
    """Let a plain kill (of timeout(1), of a CI runner) end the session like Ctrl-C, so that fixtures are torn down."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
