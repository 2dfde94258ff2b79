# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Which modules leave nothing behind in the process that they run in.

Each was read, with what it uses of module_utils, and is held to it by tests/integration/target/test_reuse_list.py. A
name alone means nothing: the module and everything that is sent with it has to be ansible-core's own, by digest.
"""

from __future__ import annotations

from collections.abc import Sequence

from ansible_svc.compat.shipped import is_known_release, is_shipped

REUSABLE = frozenset(
    f"ansible.modules.{name}"
    for name in (
        "assemble",
        "async_status",
        "blockinfile",
        "command",
        "copy",
        "file",
        "find",
        "getent",
        "lineinfile",
        "ping",
        "replace",
        "slurp",
        "stat",
        "tempfile",
    )
)


def is_reusable(fqn: str, files: Sequence[tuple[str, str]]) -> bool:
    """Tell whether a runner may run other modules before and after this one.

    Parameters:
        fqn: dotted name under which the module runs.
        files: its bundle, (path, digest) pairs.
    """
    return fqn in REUSABLE and is_known_release() and is_shipped(files)
