# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What makes a zygote of a process: the files that it consists of, and the program that takes them in.

A zygote is either an interpreter that was started for it, and is sent sources, or was forked from the agent's own
process before that had done anything but find its code.
"""

from __future__ import annotations

import os
import socket
import sys
from types import ModuleType

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import CodeType
    from typing import Callable, NoReturn

    from ansible_svc.target.archive import ArchiveImporter

# Reads the sources that follow on the socket and becomes ansible_svc.target.zygote in an otherwise fresh interpreter.
_BOOT = """
import sys
sys.path[:]=[p for p in sys.path if p not in("",".")]
import os,struct,types
fd=int(sys.argv[1])
def take(count):
    data=b""
    while len(data)<count:
        part=os.read(fd,count-len(data))
        if not part:sys.exit(0)
        data+=part
    return data
for name in("ansible_svc","ansible_svc.store","ansible_svc.target"):
    module=sys.modules[name]=types.ModuleType(name);module.__path__=[]
while 1:
    length,=struct.unpack(">I",take(4))
    if not length:break
    name,source=take(length).split(b"\\0",1)
    name=name.decode()
    module=sys.modules[name]=types.ModuleType(name)
    exec(compile(source,"<%s>"%name,"exec"),module.__dict__)
    package,_,last=name.rpartition(".")
    setattr(sys.modules[package],last,module)
sys.argv[:]=[""]
sys.modules["ansible_svc.target.zygote"].main(fd)
"""
#: The zygote's files in the order in which they import each other, as module names without the package's.
SOURCES = (
    "store.private",
    "store.eviction",
    "target.code_cache",
    "target.frames",
    "target.stdlib",
    "target.payload",
    "target.pipes",
    "target.popen",
    "target.ahead",
    "target.runner",
    "target.namespace",
    "target.children",
    "target.audit",
    "target.witness",
    "target.idle",
    "target.leftovers",
    "target.reuse",
    "target.commands",
    "target.zygote",
)


class Started:
    """An interpreter that was started, and becomes a zygote when it is sent ``boot``.

    Parameters:
        interpreter: its path.
        sources: name -> source, for every name in SOURCES.

    Attributes:
        channel, stderr: the socket to it, and what it writes to its standard error.
        boot: what to send first.

    Raises OSError when the interpreter cannot be started.
    """

    def __init__(self, interpreter: str, sources: dict[str, bytes]) -> None:
        import subprocess

        self.channel, theirs = socket.socketpair()
        try:
            process = subprocess.Popen(
                [interpreter, "-c", _BOOT, str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError:
            self.channel.close()
            raise
        finally:
            theirs.close()
        assert process.stderr is not None
        self.stderr = process.stderr
        self.pid = process.pid
        self.wait: Callable[[], object] = process.wait
        self.boot = b""
        for name in SOURCES:
            text = b"ansible_svc." + name.encode() + b"\0" + sources[name]
            self.boot += len(text).to_bytes(4, "big") + text
        self.boot += bytes(4)


class Forked:
    """A process that was forked from this interpreter, and has become a zygote by itself.

    Parameters:
        pid: its number.
        channel: the descriptor of the socket to it.
        stderr: a descriptor from which what it writes to its standard error can be read.

    Attributes: as of Started.
    """

    def __init__(self, pid: int, channel: int, stderr: int) -> None:
        self.pid = pid
        self.channel = socket.socket(fileno=channel)
        self.stderr = open(stderr, "rb")  # noqa: SIM115 - who has the process closes it
        self.boot = b""

    def wait(self) -> None:
        """Wait for its end."""
        os.waitpid(self.pid, 0)

    def close(self) -> None:
        """End it without having used it."""
        self.channel.close()
        self.stderr.close()
        self.wait()


def fork(importer: ArchiveImporter) -> Forked:
    """Fork a zygote from this process, before it has what a zygote must not have: mitogen, threads, our importer.

    A second interpreter would cost the start of one, and all that this one has imported.

    Parameters:
        importer: has the zygote's files.
    """
    codes = {"ansible_svc." + name: importer.compiled("ansible_svc." + name) for name in SOURCES}
    ours, theirs = (end.detach() for end in socket.socketpair())
    words, stderr = os.pipe()
    pid = os.fork()
    if not pid:
        _become(codes, theirs, stderr)
    os.close(theirs)
    os.close(stderr)
    return Forked(pid, ours, words)


def _become(codes: dict[str, CodeType], channel: int, stderr: int) -> NoReturn:
    """Be a zygote, to the end, in a process that was just forked."""
    try:
        os.setsid()
        os.dup2(stderr, 2)
        os.dup2(channel, 3)
        null = os.open(os.devnull, os.O_RDWR)
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.closerange(4, 256)
        for name in ("ansible_svc", "ansible_svc.store", "ansible_svc.target"):
            module = sys.modules[name] = ModuleType(name)
            module.__path__ = []
        for name, code in codes.items():
            module = sys.modules[name] = ModuleType(name)
            exec(code, module.__dict__)  # noqa: S102
            package, _, last = name.rpartition(".")
            setattr(sys.modules[package], last, module)
        sys.argv[:] = [""]
        sys.modules["ansible_svc.target.zygote"].main(3)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        os._exit(0)
