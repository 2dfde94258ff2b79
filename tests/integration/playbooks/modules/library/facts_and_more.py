#!/usr/bin/python
"""Return facts, warnings, deprecations, a diff and values of every type."""

from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={})
    module.deprecate("an old habit", version="9.9", collection_name="lab.kinds")
    module.exit_json(
        changed=True,
        ansible_facts={"from_a_module": {"nested": [1, 2.5, None, True, "text"]}},
        warnings=["a returned warning"],
        diff={"before": "old\n", "after": "new\n"},
        big_number=2**70,
        empty={},
        unicode="日本 \u2028 \U0001f600",
    )


if __name__ == "__main__":
    main()
