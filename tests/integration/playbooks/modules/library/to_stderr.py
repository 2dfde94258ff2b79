#!/usr/bin/python
"""Write to the error output besides a good result."""

import sys

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={})
    sys.stderr.write("to the error output\n")
    module.exit_json(changed=False)


if __name__ == "__main__":
    main()
