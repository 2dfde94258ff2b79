#!/usr/bin/python
"""Say nothing at all."""

from ansible.module_utils.basic import AnsibleModule


def main():
    AnsibleModule(argument_spec={})


if __name__ == "__main__":
    main()
