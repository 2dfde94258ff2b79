#!/usr/bin/python
"""Live in a collection."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ..module_utils.words import WORD


def main():
    AnsibleModule(argument_spec={}).exit_json(changed=False, word=WORD)


if __name__ == "__main__":
    main()
