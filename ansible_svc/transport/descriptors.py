# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""How many connections the limit of open files leaves room for (getrlimit(2), RLIMIT_NOFILE).

Most systems give a process 1,024 and let it have many more. What it was given stays as it is until there are so many
hosts that it would be too little: programs that it starts inherit the limit.
"""

from __future__ import annotations

import resource
from collections.abc import Sequence

#: Of one connection: a socket, twice, a pipe, and a terminal where a password is typed; see process.py.
_OF_ONE = 4
#: Everything else, forked workers with their pipes included.
_OF_OTHERS = 256

_GIVEN, _ = resource.getrlimit(resource.RLIMIT_NOFILE)


def room_for(connections: int) -> int:
    """Raise the limit if so many connections need more than it is now.

    Returns how many there may be: as many as asked for, or as many as the system allows, which is at least one.
    """
    needed = _OF_OTHERS + _OF_ONE * connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return connections
    soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    except ValueError:  # some systems report a hard limit which they do not allow
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return min(connections, max(1, (soft - _OF_OTHERS) // _OF_ONE))


def with_given_limit(argv: Sequence[str]) -> list[str]:
    """Return a command that runs another with the limit that this process was given."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == _GIVEN:
        return list(argv)
    return ["/bin/sh", "-c", 'ulimit -S -n "$1"; shift; exec "$@"', "sh", str(_GIVEN), *argv]
