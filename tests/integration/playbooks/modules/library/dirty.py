#!/usr/bin/python
"""Change everything about the process that another module could notice."""

import os
import signal
import sys
import threading
import time

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={})
    os.umask(0o077)
    os.chdir("/")
    os.environ["LEFT_BEHIND"] = "by the module dirty"
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    sys.path.insert(0, "/left/behind")
    basic.LEFT_BEHIND = True
    threading.Thread(target=time.sleep, args=(0.1,), daemon=True).start()
    module.exit_json(changed=True)


if __name__ == "__main__":
    main()
