# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Say what this machine lacks for private hosts, before anything is downloaded.

What can be named is looked for; whether namespaces and overlays are really allowed (containers mostly forbid one or the
other) shows only a host that is brought up for a moment.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

from tests.conformance import layout
from tests.conformance.errors import ConformanceError, UnsuitableMachineError
from tests.conformance.privatehost import Overlay, Step, run

_PROGRAMS = ("unshare", "setpriv", "mount", "nice", "sshd", "ssh", "ssh-keygen", "git")
_TRIAL_LIMIT_S = 60.0


def check(cache: Path) -> None:
    """Raise UnsuitableMachineError, which says what is missing, unless private hosts work with files in `cache`."""
    if sys.platform != "linux":
        raise UnsuitableMachineError("private hosts are made of Linux namespaces; this is another system")
    if os.geteuid() != 0:
        raise UnsuitableMachineError("private hosts need root: they are made of namespaces and overlay mounts")
    search = f"{os.environ.get('PATH', '')}:{layout.SYSTEM_PATH}"
    missing = [program for program in _PROGRAMS if shutil.which(program, path=search) is None]
    if missing:
        raise UnsuitableMachineError(f"these programs are missing: {', '.join(missing)}")
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix="trial-") as folder:
        layer, log = Path(folder, "layer"), Path(folder, "log")
        layer.mkdir()
        layer.chmod(0o755)
        step = Step("trial", ("true",), {"PATH": layout.SYSTEM_PATH})
        overlay = Overlay((layer,), Path(folder, "scratch"))
        try:
            outcome = run(overlay, [step], log, time_limit_s=_TRIAL_LIMIT_S, network=True)
        except ConformanceError as error:
            raise UnsuitableMachineError(f"namespaces or overlay mounts are not allowed here: {error}") from None
        if outcome.rc != 0:
            text = log.read_text("utf-8", "replace")
            raise UnsuitableMachineError(f"a private host ran `true` with exit code {outcome.rc}:\n{text[-2000:]}")
