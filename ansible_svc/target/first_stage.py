# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first thing that runs on a managed host: finds the agent's code, and hands over to it.

Its text is part of the command that boots an agent, together with those of store/private.py and boot_file.py (see
booting.py), so every word of it crosses the wire, and is compiled, on every connection. It is never imported as a
module on a host.

The agent's code comes in an archive (see archive.py), which is named by its digest in the command. When the user's
cache directory has it, compiled (see boot_file.py), nothing else has to be sent. Otherwise it is asked for:

    NEEDED  on standard output: send the archive now
    READY   followed by JSON: the agent listens to messages, and this is what it has to tell (see boot.py)

What runs next is the archive's startup.py.
"""

from __future__ import annotations

import gc
import hashlib
import os
import select
import sys
import zlib

from ansible_svc.store.private import private_path
from ansible_svc.target.boot_file import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NEEDED = b"ansible-svc: boot"


def received(descriptor: int, digest: str, size: int) -> bytes:
    """Ask for an archive and return it. Ends the process when the far side is gone or sends something else."""
    os.write(1, NEEDED + b"\n")
    packed = b""
    while len(packed) < size:
        select.select([descriptor], [], [])  # sudo may make it non-blocking
        piece = os.read(descriptor, size - len(packed))
        if not piece:
            sys.exit(1)
        packed += piece
    if hashlib.sha256(packed).hexdigest() != digest:
        sys.exit("the agent's code was damaged on its way")
    return packed


def start(settings: dict[str, Any], scope: dict[str, Any]) -> None:
    """Become an agent; returns when its work is over.

    Parameters:
        settings: "digest" and "size" of the archive; "cache", the directory of the cache, or None; "context", the
            configuration of mitogen's ExternalContext; "agent", see boot.begin.
        scope: the namespace of the program, in which mitogen.core expects to run.
    """
    gc.disable()  # nothing of what is made until the agent is ready is garbage
    os.dup2(0, 100)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    # What mitogen.core, the agent and modules import, for the zygote that startup.py forks to have it, too. It is done
    # first because an agent of another host with the same home may be filling the cache meanwhile.
    for name in ("json", "logging", "pstats", "pwd", "shutil", "socket", "syslog"):
        __import__(name)
    digest = settings["digest"]
    directory = private_path(settings["cache"] or "")
    found = read(directory, digest)
    packed, codes = found or (received(100, digest, settings["size"]), {})
    first = "ansible_svc.target.archive"
    if first not in codes:
        parts = iter(zlib.decompress(packed).decode().split("\0"))
        for name, is_package, source in zip(parts, parts, parts):
            if name == first:
                codes[name] = bool(is_package), compile(source, name, "exec", dont_inherit=True)
    archive = type(sys)(first)
    exec(codes[first][1], archive.__dict__)  # noqa: S102
    importer = archive.ArchiveImporter(digest, packed, codes)
    importer.run("ansible_svc.target.startup").start(settings, scope, archive, importer, directory, bool(found))
