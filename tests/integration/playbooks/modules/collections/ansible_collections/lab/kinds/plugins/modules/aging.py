#!/usr/bin/python
"""Import a module_util by the name that it had once; warn of something and deprecate something."""

from __future__ import annotations

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.lab.kinds.plugins.module_utils.former_words import WORD


def main():
    module = AnsibleModule(argument_spec={"word": {"type": "str", "aliases": ["old_word"]}})
    module.warn("Nobody should do this")
    module.deprecate("This will be an error", version="9.0.0", collection_name="lab.kinds")
    module.exit_json(changed=False, word=module.params["word"] or WORD)


if __name__ == "__main__":
    main()
