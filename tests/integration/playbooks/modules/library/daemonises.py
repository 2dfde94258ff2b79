#!/usr/bin/python
"""Leave a daemon that runs a command."""

import os

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={"command": {"type": "str", "required": True}})
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            os.execv("/bin/sh", ["sh", "-c", module.params["command"]])
        os._exit(0)
    os.wait()
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
