# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Make this process's mount namespace the root of a host: an overlay of the machine whose writes stay in memory.

Runs inside the namespaces that machines.py made. What is mounted here ends with them.
"""

from __future__ import annotations

import fcntl
import os
import socket
import stat
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1  # netdevice(7)
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_RUN = {"lock": 0o1777, "sshd": 0o755, "sudo": 0o711, "user": 0o755}


def mount_root(scratch: Path) -> Path:
    """Lay an empty file tree in memory over the machine's root, with /proc, /sys, /dev, /run and /tmp of its own.

    scratch: an empty directory; what is mounted on it is seen in this namespace only. Returns where the root is.
    """
    mount("tmpfs", scratch, "tmpfs", "mode=755")
    upper, work, root = scratch / "upper", scratch / "work", scratch / "root"
    for directory in (upper, work, root):
        directory.mkdir()
    mount("overlay", root, "overlay", f"index=off,lowerdir=/,upperdir={upper},workdir={work}")
    mount("proc", root / "proc", "proc")
    mount("sysfs", root / "sys", "sysfs", "ro")
    mount("tmpfs", root / "run", "tmpfs", "mode=755")
    mount("tmpfs", root / "tmp", "tmpfs", "mode=1777")
    for name, mode in _RUN.items():
        (root / "run" / name).mkdir()
        (root / "run" / name).chmod(mode)
    _populate_dev(root / "dev")
    return root


def mount(source: str, target: Path, kind: str, options: str = "rw") -> None:
    """Mount a file system (mount(8)); raise CalledProcessError."""
    subprocess.run(["mount", "-t", kind, "-o", options, source, str(target)], check=True)


def leave_one_python(root: Path, interpreter: str | None, path: Iterable[str]) -> None:
    """Remove every python from the directories of a search path but interpreter, which becomes `python3`.

    interpreter: its path; None leaves the host without Python.
    """
    for directory in {(root / name.lstrip("/")).resolve() for name in path}:
        for found in directory.glob("python*"):
            if interpreter is None or found != root / interpreter.lstrip("/"):
                found.unlink()
    if interpreter is not None:
        link = root / "usr/local/bin/python3"
        link.symlink_to(interpreter)


def bring_up_loopback() -> None:
    """Set the flag IFF_UP of the interface lo."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _populate_dev(dev: Path) -> None:
    """Mount a /dev with the few devices that programs expect, and no disk."""
    mount("tmpfs", dev, "tmpfs", "mode=755")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(dev / name, stat.S_IFCHR, os.makedev(major, minor))
        (dev / name).chmod(0o666)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    mount("devpts", dev / "pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5")
    mount("tmpfs", dev / "shm", "tmpfs", "mode=1777")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        (dev / name).symlink_to(target)
