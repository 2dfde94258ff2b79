#!/usr/bin/python
"""Answer with the arguments, through module_utils beside the playbook."""

from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.greeting import greet


def main():
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "count": {"type": "int", "default": 1},
            "password": {"type": "str", "no_log": True},
            "size": {"type": "int", "default": 0},
        },
        supports_check_mode=True,
    )
    module.warn("a warning of the module")
    module.exit_json(
        changed=module.params["count"] > 1,
        greeting=greet(module.params["name"]),
        echoed_password=module.params["password"],
        check_mode=module.check_mode,
        text="é" * module.params["size"],
    )


if __name__ == "__main__":
    main()
