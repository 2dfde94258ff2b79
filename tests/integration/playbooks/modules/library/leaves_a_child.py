#!/usr/bin/python
"""Leave a process behind that outlives the module for a moment, as a service manager does."""

import subprocess

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={})
    subprocess.Popen(
        ["sleep", "1"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
