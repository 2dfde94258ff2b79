#!/usr/bin/python
"""Tell what kind of process a module finds itself in."""

import os
import signal
import sys
import threading

from ansible.module_utils import basic
from ansible.module_utils.basic import AnsibleModule


def main():
    module = AnsibleModule(argument_spec={})
    mask = os.umask(0o022)
    os.umask(mask)
    module.exit_json(
        changed=False,
        umask="%04o" % mask,
        cwd_is_home=os.getcwd() == os.path.expanduser("~"),
        left_behind=os.environ.get("LEFT_BEHIND", getattr(basic, "LEFT_BEHIND", "nothing")),
        sigusr1=str(signal.getsignal(signal.SIGUSR1)),
        sigpipe=str(signal.getsignal(signal.SIGPIPE)),
        sigint=signal.getsignal(signal.SIGINT) is signal.default_int_handler,
        path_is_clean="/left/behind" not in sys.path,
        threads=threading.active_count(),
        user=os.getuid(),
        stdin_is_empty=sys.stdin.read() == "",
        isatty=os.isatty(1),
        name=__name__,
        svc_variables=sorted(name for name in os.environ if name.startswith(("SVC_AGENT", "ANSIBLE_SVC"))),
    )


if __name__ == "__main__":
    main()
