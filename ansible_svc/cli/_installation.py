# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is installed here, and which configuration is in force."""

from __future__ import annotations

import importlib.metadata
import platform
import shutil
import subprocess
from typing import Any

from ansible import constants as C
from ansible.plugins.loader import strategy_loader

import ansible_svc

COLLECTION = "ansible_svc.svc"
# ansible-core's name of a setting -> its key in ansible.cfg.
_SETTINGS = {
    "DEFAULT_STRATEGY": "strategy",
    "DEFAULT_STRATEGY_PLUGIN_PATH": "strategy_plugins",
    "CALLBACKS_ENABLED": "callbacks_enabled",
    "DEFAULT_FORKS": "forks",
    "DEFAULT_TIMEOUT": "timeout",
}


def versions() -> dict[str, str]:
    """Return the versions of what takes part on this side."""
    return {
        "ansible-svc": ansible_svc.__version__,
        "ansible-core": importlib.metadata.version("ansible-core"),
        "mitogen": importlib.metadata.version("mitogen"),
        "python": platform.python_version(),
        "ssh": _ssh_version(),
        "sshpass": shutil.which("sshpass") or "not installed (only passwords for ssh need it)",
    }


def settings() -> dict[str, Any]:
    """Return the configuration that matters here, and where each value comes from."""
    found: dict[str, Any] = {"ansible.cfg": C.CONFIG_FILE or "none"}
    for name, key in _SETTINGS.items():
        _value, origin = C.config.get_config_value_and_origin(name)
        found[key] = {"value": getattr(C, name), "origin": str(origin)}  # a default may be a template, rendered there
    return found


def unsupported() -> list[str]:
    """Return what is installed in a version that ansible-svc was not made for."""
    # ansible-core depends on it.
    from packaging.requirements import Requirement

    try:
        required = importlib.metadata.requires("ansible-svc") or []
    except importlib.metadata.PackageNotFoundError:
        return []
    found = []
    for text in required:
        requirement = Requirement(text)
        if requirement.marker is not None:
            continue
        version = importlib.metadata.version(requirement.name)
        if not requirement.specifier.contains(version, prereleases=True):
            found.append(f"{requirement.name} {version} is installed, ansible-svc is for {requirement.specifier}")
    return found


def strategy_problem() -> str:
    """Return what keeps svc from taking part in a run with this configuration, and what to do; "" if nothing does."""
    name = str(C.DEFAULT_STRATEGY)
    plugin = strategy_loader.get(name, class_only=True)
    if plugin is None:
        return f"the strategy {name} cannot be found: {_how(name)}"
    if not hasattr(plugin, "svc_name"):
        return f"the strategy is {name}, so svc takes no part: {_how(name)}"
    return ""


def _how(name: str) -> str:
    qualified = f"{COLLECTION}.svc_linear"
    if strategy_loader.get(qualified, class_only=True) is not None:
        return f"set strategy = {qualified} in [defaults] of ansible.cfg"
    return "set strategy_plugins to what ansible-svc path prints and strategy = svc_linear in [defaults] of ansible.cfg"


def _ssh_version() -> str:
    program = shutil.which("ssh")
    if program is None:
        return "not installed"
    done = subprocess.run([program, "-V"], capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    return done.stderr.strip()
