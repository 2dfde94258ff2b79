# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Start the conformance runner: `python -m tests.conformance`."""

from __future__ import annotations

import sys

from tests.conformance.cli import main

if __name__ == "__main__":
    sys.exit(main())
