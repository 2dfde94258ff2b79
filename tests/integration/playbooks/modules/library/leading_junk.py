#!/usr/bin/python
"""Print something before the JSON, and something after it."""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={"after": {"type": "bool", "default": False}})
    print("a line of junk")
    print('{"changed": false, "word": "among the junk"}')
    if module.params["after"]:
        print("more junk")


if __name__ == "__main__":
    main()
