#!/usr/bin/python
"""Run a command while there is a directory for temporary files, and one for the payload."""

import os

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common import respawn


def main():
    module = AnsibleModule(argument_spec={"command": {"type": "str", "required": True}})
    with open(os.path.join(module.tmpdir, "file"), "w"):
        rc, out, err = module.run_command(module.params["command"])
    module.exit_json(rc=rc, respawned=respawn.has_respawned())


if __name__ == "__main__":
    main()
