#!/usr/bin/python
"""Print good JSON and end with a code that says otherwise."""

import sys

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={"code": {"type": "int", "default": 3}})
    print('{"changed": false, "word": "fine"}')
    sys.exit(module.params["code"])


if __name__ == "__main__":
    main()
