#!/usr/bin/python
"""Print text where JSON is expected."""

from ansible.module_utils.basic import AnsibleModule


def main():
    AnsibleModule(argument_spec={})
    print("this is not JSON")


if __name__ == "__main__":
    main()
