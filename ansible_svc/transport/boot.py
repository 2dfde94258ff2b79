# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The command that finds a Python on the far side and starts the agent's interpreter with it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from ansible_svc.target.booting import NO_PYTHON as NO_PYTHON


class CacheOptions(NamedTuple):
    """Where agents keep code for the agents after them.

    Attributes:
        directory: on the managed host, see store.private.private_path; None: nowhere.
        size_bytes: how much is kept there.
    """

    directory: str | None = "~/.cache/ansible_svc"
    size_bytes: int = 128 << 20


def cache_options(options: Mapping[str, Any]) -> CacheOptions:
    """Return the options of the cache from those of a strategy plugin: cache, cache_dir and cache_size (in MB)."""
    if not options["cache"]:
        return CacheOptions(None, 0)
    return CacheOptions(options["cache_dir"], options["cache_size"] << 20)


def interpreter_argv(candidates: Sequence[str]) -> list[str]:
    """Return the words to put before an interpreter's arguments: a shell that runs the first candidate there is.

    Parameters:
        candidates: names or paths in order of preference. Of the names only those of supported versions matter; a
            candidate that turns out to be too old fails when the agent's code is loaded.
    """
    names = " ".join(shlex.quote(name) for name in candidates)
    script = (
        # a path is "found" by some shells although it is not executable
        f'for p in {names}; do command -v "$p" >/dev/null 2>&1 || continue; '
        'case $p in /*) [ -x "$p" ] || continue;; esac; exec "$p" "$@"; done; '
        f"echo {shlex.quote(NO_PYTHON)} >&2; exit 127"
    )
    return ["/bin/sh", "-c", script, "ansible-svc"]
