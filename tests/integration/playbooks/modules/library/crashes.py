#!/usr/bin/python
"""Raise what nobody catches."""

from ansible.module_utils.basic import AnsibleModule


def main():
    AnsibleModule(argument_spec={})
    raise RuntimeError("this module crashes on purpose")


if __name__ == "__main__":
    main()
