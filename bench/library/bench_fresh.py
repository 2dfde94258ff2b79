#!/usr/bin/python
# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""A module that no strategy can know: what a module of a user's own costs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: bench_fresh
short_description: Do next to nothing
description: Answers that nothing has changed.
options: {}
author: The ansible_svc project
"""

from ansible.module_utils.basic import AnsibleModule


def main() -> None:
    """Answer."""
    AnsibleModule(argument_spec={}).exit_json(changed=False)


if __name__ == "__main__":
    main()
