# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""``python -m ansible_svc.cli`` is ``ansible-svc``."""

from __future__ import annotations

import sys

from ansible_svc.cli import main

sys.exit(main())
