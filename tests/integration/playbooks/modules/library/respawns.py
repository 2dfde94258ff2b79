#!/usr/bin/python
"""Run again under the interpreter that was asked for."""

import sys

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.common.respawn import has_respawned, respawn_module


def main():
    module = AnsibleModule(argument_spec={"word": {"type": "str"}})
    if not has_respawned():
        respawn_module(sys.executable)
    module.exit_json(changed=False, respawned=has_respawned(), word=module.params["word"])


if __name__ == "__main__":
    main()
