# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Be the first process of a private host: mount its root, bring up loopback and sshd, run the steps.

Started by privatehost.py in fresh namespaces as `python -m tests.conformance.inside SPEC FD`; reports to FD in lines
of JSON. Imports nothing of the package but the layout: after chroot there may be no package to import from.
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, TextIO

from tests.conformance import layout

_SIOCGIFFLAGS, _SIOCSIFFLAGS, _IFF_UP = 0x8913, 0x8914, 0x1  # netdevice(7)
_PR_CAPBSET_DROP = 24  # prctl(2)
# Nobody inside may touch the kernel: load modules, set the clock, reboot, write to the kernel log, raw disk access.
_DROPPED_CAPABILITIES = {"sys_module": 16, "sys_rawio": 17, "sys_boot": 22, "sys_time": 25, "syslog": 34}
_DEVICES = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
_SSHD_TIME_LIMIT_S = 10.0


def main() -> None:
    """Set the host up and run the steps of the spec named on the command line."""
    spec = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    with os.fdopen(int(sys.argv[2]), "w", buffering=1, encoding="utf-8") as report:
        os.set_inheritable(report.fileno(), False)
        _mount_root(spec)
        _drop_capabilities()
        os.umask(0o022)
        if spec["private_network"]:
            socket.sethostname(layout.HOSTNAME)
            _bring_up_loopback()
            _start_sshd()
        _say(report, host="up")
        child = os.fork()
        if child == 0:
            _run_steps(spec["steps"], report)
            os._exit(0)
        _reap_until(child)
    # Ending is enough: the kernel kills what is left in the pid namespace of its first process.


def _mount_root(spec: dict[str, Any]) -> None:
    """Mount the overlay with its own /proc, /sys, /dev and /run, and make it the root."""
    scratch = Path(spec["scratch"])
    root = Path("/")
    # The machine, the image, the step's own files. Overlayfs refuses a lower directory that lies within another one,
    # as the image lies within "/", but it takes an overlay as the lower directory of the next.
    for depth, layer in enumerate(spec["layers"]):
        work, merged = scratch / f"work{depth}", scratch / f"root{depth}"
        work.mkdir()
        merged.mkdir()
        access = "rw" if layer == spec["layers"][-1] else "ro"
        # index=off: hosts that run at once share the image's layer, which none of them writes to.
        options = f"{access},index=off,lowerdir={root},upperdir={layer},workdir={work}"
        _mount("overlay", merged, "overlay", options)
        root = merged
    if spec["private_network"]:
        _mount("proc", root / "proc", "proc")
        for name in ("proc/sys", "proc/sysrq-trigger"):
            if (root / name).exists():
                _bind_read_only(root / name)
        _mount("sysfs", root / "sys", "sysfs", "ro")
        _mount("tmpfs", root / "run", "tmpfs", "mode=755")
        for name, mode in {"lock": 0o1777, "sshd": 0o755, "sudo": 0o711, "user": 0o755}.items():
            (root / "run" / name).mkdir()
            (root / "run" / name).chmod(mode)
    else:
        # Installing packages: the machine's name resolution may live in /run.
        _mount("proc", root / "proc", "proc")
        subprocess.run(["mount", "--rbind", "/run", str(root / "run")], check=True)
    _populate_dev(root / "dev")
    os.chroot(root)
    os.chdir("/")


def _populate_dev(dev: Path) -> None:
    """Give the host a /dev with the few devices that programs expect, and no disk."""
    _mount("tmpfs", dev, "tmpfs", "mode=755")
    for name, (major, minor) in _DEVICES.items():
        os.mknod(dev / name, stat.S_IFCHR, os.makedev(major, minor))
        (dev / name).chmod(0o666)
    for name in ("pts", "shm"):
        (dev / name).mkdir()
    _mount("devpts", dev / "pts", "devpts", "newinstance,ptmxmode=0666,mode=620,gid=5")
    _mount("tmpfs", dev / "shm", "tmpfs", "mode=1777")
    links = {"ptmx": "pts/ptmx", "fd": "/proc/self/fd", "stdin": "fd/0", "stdout": "fd/1", "stderr": "fd/2"}
    for name, target in links.items():
        (dev / name).symlink_to(target)


def _mount(source: str, target: Path, kind: str, options: str = "rw") -> None:
    subprocess.run(["mount", "-t", kind, "-o", options, source, str(target)], check=True)


def _bind_read_only(path: Path) -> None:
    subprocess.run(["mount", "--bind", str(path), str(path)], check=True)
    subprocess.run(["mount", "-o", "remount,bind,ro", str(path)], check=True)


def _drop_capabilities() -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    for name, number in _DROPPED_CAPABILITIES.items():
        if libc.prctl(_PR_CAPBSET_DROP, number, 0, 0, 0) != 0:
            raise OSError(ctypes.get_errno(), f"could not drop capability {name}")


def _bring_up_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        request = struct.pack("16sh14x", b"lo", 0)
        _, flags = struct.unpack("16sh14x", fcntl.ioctl(control, _SIOCGIFFLAGS, request))
        fcntl.ioctl(control, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", flags | _IFF_UP))


def _start_sshd() -> None:
    """Start sshd in the background and wait until it answers. Raises TimeoutError with its log."""
    command = [shutil.which("sshd", path=layout.SYSTEM_PATH) or "/usr/sbin/sshd"]
    command += ["-E", str(layout.SSHD_LOG)]
    environment = {"PATH": layout.SYSTEM_PATH}
    subprocess.run(command, env=environment, stdin=subprocess.DEVNULL, check=True)
    deadline = time.monotonic() + _SSHD_TIME_LIMIT_S
    while True:
        try:
            with socket.create_connection(("127.0.0.1", 22), timeout=1.0) as connection:
                if connection.recv(4) == b"SSH-":
                    return
        except OSError:
            if time.monotonic() > deadline:
                raise TimeoutError(f"sshd does not answer:\n{Path(layout.SSHD_LOG).read_text()}") from None
            time.sleep(0.02)


def _run_steps(steps: list[dict[str, Any]], report: TextIO) -> None:
    """Run the steps in order until one fails, each with a fresh OUTPUT_DIR."""
    for step in steps:
        shutil.rmtree(layout.OUTPUT, ignore_errors=True)
        Path(layout.OUTPUT).mkdir(parents=True)
        _say(report, step=step["name"])
        print(f"=== {step['name']}: {' '.join(step['argv'])}", flush=True)
        started = time.monotonic()
        done = subprocess.run(
            step["argv"],
            env=step["env"],
            cwd=step["cwd"],
            stdin=subprocess.DEVNULL,
            check=False,
            # The runner's own signal dispositions are no part of the test.
            restore_signals=True,
        )
        seconds = time.monotonic() - started
        print(f"=== {step['name']}: rc {done.returncode} after {seconds:.1f} s", flush=True)
        _say(report, step=step["name"], rc=done.returncode, seconds=round(seconds, 1))
        if done.returncode != 0:
            return


def _reap_until(child: int) -> None:
    """Collect orphans, as a first process must, until `child` ends."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    while os.wait()[0] != child:
        pass


def _say(report: TextIO, **facts: object) -> None:
    report.write(json.dumps(facts) + "\n")
    report.flush()


if __name__ == "__main__":
    main()
