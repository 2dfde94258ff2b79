# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say where things are inside a private host.

Everything the runner brings lies under one short root, so that logs name no path of the machine and unix sockets in
OUTPUT_DIR stay below their length limit. The paths are absolute as seen inside; `under` gives their place in a layer
on the outside.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

ROOT = PurePosixPath("/conformance")
CORE = ROOT / "core"  # the unpacked sdist of ansible-core
CORE_LIB = CORE / "lib"
TARGETS = CORE / "test/integration/targets"
BIN = ROOT / "bin"  # ansible, ansible-playbook, ...
INJECTOR = ROOT / "injector"  # python.py, virtualenv.sh, ... as ansible-test puts them first in PATH
PYTHON = ROOT / "python"  # holds one `python` that runs the controller's interpreter
WHEELS = ROOT / "wheels"  # Python packages that targets install with pip
WORK = ROOT / "work"  # one working tree per step
OUTPUT = ROOT / "output"  # OUTPUT_DIR of the targets, fresh for each step
JUNIT = ROOT / "junit"
# Where sshd looks by itself: a target that restarts the service gets the same one again.
SSHD_CONFIG = PurePosixPath("/etc/ssh/sshd_config")
SSHD_HOST_KEY = PurePosixPath("/etc/ssh/ssh_host_ed25519_key")
SSHD_LOG = ROOT / "sshd.log"
HOME = ROOT / "home"
IDENTITY = HOME / ".ssh/id_rsa"

SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
HOSTNAME = "conformance"


def under(layer: Path, inside: PurePosixPath) -> Path:
    """Return the place in `layer`, a directory on this machine, of an absolute path inside a private host."""
    return layer / inside.relative_to("/")
