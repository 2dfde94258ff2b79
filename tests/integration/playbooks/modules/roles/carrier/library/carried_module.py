#!/usr/bin/python
"""Live in a role's library."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.carried import WORD


def main():
    AnsibleModule(argument_spec={}).exit_json(changed=False, word=WORD)


if __name__ == "__main__":
    main()
