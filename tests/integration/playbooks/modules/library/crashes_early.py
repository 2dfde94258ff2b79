#!/usr/bin/python
"""Import what nobody has."""

from ansible.module_utils.basic import AnsibleModule

import no_such_module_anywhere


def main():
    AnsibleModule(argument_spec={}).exit_json(found=no_such_module_anywhere.__name__)


if __name__ == "__main__":
    main()
