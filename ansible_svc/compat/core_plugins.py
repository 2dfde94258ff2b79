# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Recognise ansible-core's own plugins.

A plugin class cannot be compared with an imported one: ansible-core loads plugins by path and may give one file two
module names (``ansible.plugins.action.copy`` and ``ansible_collections.ansible.builtin.plugins.action.copy``). What
counts is the file it came from.
"""

from __future__ import annotations

import functools
import os
import sys
from typing import Any

import ansible.plugins

_FOLDER = os.path.realpath(os.path.dirname(ansible.plugins.__file__))


@functools.cache
def core_plugin(plugin: Any) -> str | None:
    """Return "kind/name" of a plugin class that ansible-core itself ships ("action/copy"), None for any other class."""
    module = sys.modules.get(plugin.__module__)
    path = getattr(module, "__file__", None)
    if path is None:
        return None
    folder, file = os.path.split(os.path.realpath(path))
    if os.path.dirname(folder) != _FOLDER:
        return None
    return f"{os.path.basename(folder)}/{os.path.splitext(file)[0]}"
