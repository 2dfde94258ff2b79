# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The first thing that runs on a managed host: becomes an agent.

Its text is part of the command that boots an agent, together with those of store/private.py and boot_file.py (see
booting.py), so every word of it crosses the wire on every connection. It is never imported as a module on a host.

The agent's code comes in an archive (see archive.py), which is named by its digest in the command. When the user's
cache directory has it, compiled (see boot_file.py), nothing else has to be sent. Otherwise it is asked for:

    NEEDED  on standard output: send the archive now
    READY   followed by JSON: the agent listens to messages, and this is what it has to tell (see boot.py)
"""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import pstats
import pwd
import select
import shutil
import socket
import sys
import syslog
import zlib

from ansible_svc.store.private import private_path
from ansible_svc.target.boot_file import read

# What mitogen.core and the agent import, and what modules do as well, is imported before the zygote is forked.
AHEAD = (json, logging, pstats, pwd, shutil, syslog)
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NEEDED = b"ansible-svc: boot"
READY = b"ansible-svc: ready "


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


def fork_zygote() -> tuple[int, int, int]:
    """Fork what becomes a zygote when it is told how (see zygote_boot.py), before it has what it must not have.

    A second interpreter would cost the start of one, and all that this one has imported.

    Returns its number, the socket to it, and where what it writes to its standard error can be read.
    """
    ours, theirs = (end.detach() for end in socket.socketpair())
    words, stderr = os.pipe()
    pid = os.fork()
    if pid:
        os.close(theirs)
        os.close(stderr)
        return pid, ours, words
    os.setsid()
    os.dup2(stderr, 2)
    os.dup2(theirs, 3)
    null = os.open("/dev/null", os.O_RDWR)
    os.dup2(null, 0)
    os.dup2(null, 1)
    os.closerange(4, 256)
    size = int.from_bytes(os.read(3, 4), "big")
    text = b""
    while len(text) < size:
        piece = os.read(3, size - len(text))
        if not piece:
            break
        text += piece
    if not text:
        os._exit(0)
    sys.argv[1:] = ["3"]
    exec(text.decode(), sys.modules["__main__"].__dict__)  # noqa: S102
    os._exit(0)


def start(settings: dict[str, Any], scope: dict[str, Any]) -> None:
    """Become an agent; returns when its work is over.

    Parameters:
        settings: "digest" and "size" of the archive; "cache", the directory of the cache, or None; "context", the
            configuration of mitogen's ExternalContext; "agent", see boot.begin.
        scope: the namespace of the program, in which mitogen.core expects to run.
    """
    gc.disable()  # nothing of what is made until the agent is ready is garbage
    zygote = fork_zygote()
    os.dup2(0, 100)
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    digest = settings["digest"]
    directory = private_path(settings["cache"] or "")
    found = read(directory, digest)
    if found:
        packed, codes = found
    else:
        packed, codes = received(100, digest, settings["size"]), {}
    first = "ansible_svc.target.archive"
    if first not in codes:
        parts = iter(zlib.decompress(packed).decode().split("\0"))
        for name, is_package, source in zip(parts, parts, parts):
            if name in (first, "mitogen.core"):
                codes[name] = bool(is_package), compile(source, name, "exec", dont_inherit=True)
    exec(codes["mitogen.core"][1], scope)  # noqa: S102
    context = scope["ExternalContext"]
    context._reap_first_stage = lambda self: None  # it would wait for the zygote's end
    context._setup_resource_requester = lambda self: None
    handler = scope["LogHandler"]
    uncork, handler.uncork = handler.uncork, lambda self: None

    def set_up_importer(self: Any) -> None:
        # Everything that there is comes with the archive: what is not in it need not be asked for.
        module = type(sys)(first)
        exec(codes[first][1], module.__dict__)  # noqa: S102
        sys.modules[first] = module
        self.importer = self.router.importer = module.install(digest, packed, codes)

    def begin(econtext: Any) -> None:
        from ansible_svc.target.boot import begin

        begin(econtext, settings["agent"], directory, econtext.importer, bool(found), zygote)
        # no message may go before what begin() writes
        handler.uncork = uncork
        econtext.log_handler.uncork()

    context._setup_importer = set_up_importer
    context(dict(settings["context"], on_start=begin, core_src_fd=None, send_ec2=False)).main()
