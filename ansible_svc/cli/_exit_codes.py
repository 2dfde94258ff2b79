# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How ansible-svc ends; the same for all sub-commands."""

from __future__ import annotations

OK = 0
FOUND = 1
USAGE = 2
MISSING = 3
INTERRUPTED = 130

EXIT_CODES = """\
exit codes:
  0    done, and nothing is wrong
  1    done, and something is wrong with what was looked at; it was said what
  2    wrong usage
  3    a library that this needs is not installed; it was said which
  130  interrupted
"""
