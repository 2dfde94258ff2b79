#!/usr/bin/python
"""Import what nobody has."""

import no_such_module_anywhere
from ansible.module_utils.basic import AnsibleModule


def main():
    AnsibleModule(argument_spec={}).exit_json(found=no_such_module_anywhere.__name__)


if __name__ == "__main__":
    main()
