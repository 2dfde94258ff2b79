# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Find out whether a module has left anything behind in the process that it ran in.

``State`` knows what the process was like before its first module. After each one it puts back what modules of
ansible-core rightly change (``restore``), and then names everything that is not as it was (``changes``). Only a process
without changes may run another module. What is compared is what the modules on the reuse list could touch at all, and
more; a module that nobody has read never comes here.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found]  # what signal is made of, without its enumerations: ten times as fast
import atexit
import builtins
import fcntl
import gc
import locale
import os
import resource
import signal
import sys
import time

from ansible_svc.target.children import has_children
from ansible_svc.target.namespace import Namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Callable

#: What AnsibleModule and the standard library remember of one run, module -> names.
_OF_ONE_RUN = {
    "ansible.module_utils._internal._traceback": ("_module_tracebacks_enabled_events",),
    "ansible.module_utils.basic": ("_ANSIBLE_ARGS", "_ANSIBLE_PROFILE", "_PARSED_MODULE_ARGS"),
    "platform": ("_uname_cache", "_os_release_cache"),
    "posixpath": ("_varprog", "_varprogb"),
    "tempfile": ("_name_sequence", "tempdir"),
}
_LIMITS = tuple(value for name, value in sorted(vars(resource).items()) if name.startswith("RLIMIT_"))
_SIGNALS = tuple(sorted(int(number) for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}))
_TIMERS = (signal.ITIMER_REAL, signal.ITIMER_VIRTUAL, signal.ITIMER_PROF)
_LIBRARY = os.path.dirname(os.__file__) + os.sep
_LATER = (os.sep + "site-packages" + os.sep, os.sep + "dist-packages" + os.sep)
# The code of this package; a module that reaches for it could as well reach for the zygote.
_OWN = "ansible_svc"
_DESCRIPTORS = "/proc/self/fd" if os.path.isdir("/proc/self/fd") else "/dev/fd"
# AnsibleModule tells the journal what it was called with, where Python has this and systemd runs.
_JOURNAL = "systemd.journal"


class State:
    """What this process is like.

    Parameters:
        ours: tells whether a file name is one of a bundle: such modules are looked into deeply.

    Threads: the one of a runner.
    """

    def __init__(self, ours: Callable[[ModuleType], bool]) -> None:
        self._ours = ours
        self._pid = os.getpid()
        self._environment = self._expected = _environment().copy()
        self._directory = os.getcwd()
        self._locale = locale.setlocale(locale.LC_ALL)
        self._limits = list(map(resource.getrlimit, _LIMITS))
        self._path, self._argv = list(sys.path), list(sys.argv)
        self._modules: dict[str, ModuleType] = {}
        self._namespaces: dict[str, Namespace] = {}
        self._to_restore: list[tuple[Namespace, tuple[str, ...]]] = []
        self._builtins = dict(vars(builtins))
        self._knows_journal = False
        for name, module in list(sys.modules.items()):
            self._add(name, module)
        self._process = self._look_at_process()
        self._interpreter = self._look_at_interpreter()

    def began(self, environment: dict[str, str]) -> None:
        """Take note of a run that begins, after its environment was set.

        Parameters:
            environment: the variables that it adds.
        """
        self._expected = self._environment
        if environment:
            self._expected = self._environment.copy()
            self._expected.update((os.fsencode(name), os.fsencode(value)) for name, value in environment.items())

    def loaded(self, module: ModuleType) -> None:
        """Take note of a module of a bundle that was just imported."""
        self._add(module.__name__, module)

    def forget(self, name: str) -> None:
        """Take a module of a bundle out of this process, as if it had never been imported."""
        module = self._modules.pop(name)
        self._namespaces.pop(name, None)
        self._to_restore = [
            (namespace, names) for namespace, names in self._to_restore if namespace.module is not module
        ]
        del sys.modules[name]
        package, _, last = name.rpartition(".")
        if package in self._namespaces:  # it may have been forgotten before
            self._namespaces[package].forget(last)

    def restore(self) -> list[str]:
        """Put back what modules rightly change. Returns the names of what was beyond that."""
        found = []
        if _environment() != self._expected:
            found.append("environment")
        if self._expected is not self._environment:
            for name in self._expected.keys() - self._environment.keys():
                os.environb.pop(name, None)
            for name, value in self._environment.items():
                if os.environb.get(name) != value:
                    os.environb[name] = value
            if self._expected.get(b"TZ") != self._environment.get(b"TZ"):
                time.tzset()
        try:
            os.chdir(self._directory)
        except OSError:
            found.append("working directory")
        if locale.setlocale(locale.LC_ALL) != self._locale:
            locale.setlocale(locale.LC_ALL, self._locale)
        soft = self._limits[_LIMITS.index(resource.RLIMIT_NOFILE)]
        if resource.getrlimit(resource.RLIMIT_NOFILE) != soft:
            try:
                resource.setrlimit(resource.RLIMIT_NOFILE, soft)
            except ValueError:
                found.append("limits")
        sys.path[:], sys.argv[:] = self._path, self._argv
        if "syslog" in sys.modules:  # AnsibleModule tells the system's log what it was called with
            sys.modules["syslog"].closelog()
        for namespace, names in self._to_restore:
            namespace.restore(names)
        warnings = sys.modules.get("ansible.module_utils.common.warnings")
        for attribute in ("_global_warnings", "_global_deprecations"):
            getattr(warnings, attribute, {}).clear()
        return found

    def changes(self) -> list[str]:
        """Return the names of everything that is not as it was."""
        process = self._look_at_process()
        if not self._knows_journal and _JOURNAL in sys.modules:
            self._knows_journal = self._take_in_journal(process)
        found = [name for (name, before), (_name, now) in zip(self._process, process) if before != now]
        found += [
            name
            for (name, before), (_name, now) in zip(self._interpreter, self._look_at_interpreter())
            if before is not now and before != now
        ]
        if vars(builtins) != self._builtins:
            found.append("builtins")
        if sys.modules != self._modules:
            found += self._new_modules()
        for namespace in self._namespaces.values():
            found += namespace.changes()
        return found

    def _take_in_journal(self, process: list[tuple[str, object]]) -> bool:
        """Take in the one socket to the journal that libsystemd opens for good when it is first used; tell if it has.

        It has no name and no peer (sd_journal_sendv names the journal with every message), so nothing is in it of the
        module that was the first to use it.
        """
        before, now = dict(self._process), dict(process)
        new = now["descriptors"] - before["descriptors"]  # type: ignore[operator]
        if len(new) != 1 or not _is_nameless_socket(*new):
            return False
        self._process = [
            (name, now["descriptors"] if name == "descriptors" else value) for name, value in self._process
        ]
        return True

    def _add(self, name: str, module: ModuleType) -> None:
        self._modules[name] = module
        if name == "__main__" or name.startswith(_OWN) or not isinstance(getattr(module, "__file__", None), str):
            return
        namespace = self._namespaces[name] = Namespace(module, self._ours(module))
        if namespace.remembers or name in _OF_ONE_RUN:
            self._to_restore.append((namespace, _OF_ONE_RUN.get(name, ())))

    def _new_modules(self) -> list[str]:
        """Take in what was imported from the standard library; return what else is new or gone in sys.modules."""
        found = []
        for name in list(sys.modules.keys() | self._modules.keys()):
            now, before = sys.modules.get(name), self._modules.get(name)
            if now is before:
                continue
            if before is None and now is not None and _is_of_library(name, now):
                self._add(name, now)
            else:
                found.append("sys.modules: " + name)
        return found

    def _look_at_process(self) -> list[tuple[str, object]]:
        """Return what the system knows of this process."""
        mask = os.umask(0o77)
        os.umask(mask)
        return [
            ("working directory", os.getcwd()),
            ("umask", mask),
            ("signal handlers", list(map(_signal.getsignal, _SIGNALS))),
            ("blocked signals", signal.pthread_sigmask(signal.SIG_BLOCK, ())),
            ("timers", [signal.getitimer(which) for which in _TIMERS]),
            ("limits", list(map(resource.getrlimit, _LIMITS))),
            ("priority", os.getpriority(os.PRIO_PROCESS, 0)),
            ("user and groups", (os.getresuid(), os.getresgid(), os.getgroups())),
            ("root directory", _identity(os.stat("/"))),
            ("session", (os.getsid(0), os.getpid() == self._pid)),
            ("threads", _count_threads()),
            ("children", has_children()),
            ("descriptors", _descriptors()),
            ("standard streams", [_describe(number) for number in range(3)]),
        ]

    def _look_at_interpreter(self) -> list[tuple[str, object]]:
        """Return what the interpreter has besides the namespaces of its modules."""
        logging = sys.modules.get("logging")
        root = getattr(logging, "root", None)
        socket = sys.modules.get("socket")
        warnings = sys.modules["warnings"]
        return [
            ("locale", locale.setlocale(locale.LC_ALL)),
            ("time zone", (time.tzname, time.timezone, time.altzone)),
            ("functions at exit", getattr(atexit, "_ncallbacks")()),  # noqa: B009 - not public
            ("collector", (gc.isenabled(), gc.get_threshold(), gc.get_debug(), list(gc.callbacks))),
            ("streams", (sys.stdin, sys.stdout, sys.stderr, sys.__stdin__, sys.__stdout__, sys.__stderr__)),
            ("closed streams", [stream is None or stream.closed for stream in (sys.stdin, sys.stdout, sys.stderr)]),
            ("finders of modules", (list(sys.meta_path), list(sys.path_hooks))),
            ("hooks", (sys.excepthook, sys.displayhook, sys.gettrace(), sys.getprofile())),
            ("recursion limit", (sys.getrecursionlimit(), sys.getswitchinterval(), sys.dont_write_bytecode)),
            ("time limit of sockets", None if socket is None else socket.getdefaulttimeout()),
            ("processes", list(getattr(sys.modules.get("subprocess"), "_active", None) or ())),
            ("filters of warnings", list(warnings.filters)),
            (
                "logging",
                root
                and (
                    list(root.handlers),
                    list(root.filters),
                    root.level,
                    root.manager.disable,
                    set(root.manager.loggerDict),
                ),
            ),
        ]


def _environment() -> dict[bytes, bytes]:
    """Return what os.environ is made of; comparing that is fifty times as fast, and it is compared often."""
    data: dict[bytes, bytes] = getattr(os.environ, "_data")  # noqa: B009 - not public
    return data


def _is_of_library(name: str, module: ModuleType) -> bool:
    """Tell whether a module is of the standard library; of anything else a new process might find another version."""
    spec = getattr(module, "__spec__", None)
    if getattr(spec, "name", None) != name:
        return False
    origin = getattr(spec, "origin", None)
    if origin in ("built-in", "frozen"):
        return True
    return isinstance(origin, str) and origin.startswith(_LIBRARY) and not any(part in origin for part in _LATER)


def _identity(found: os.stat_result) -> tuple[int, int]:
    return found.st_dev, found.st_ino


def _describe(descriptor: int) -> tuple[object, ...]:
    """Return which file a descriptor is of, and its flags."""
    try:
        return _identity(os.fstat(descriptor)), fcntl.fcntl(descriptor, fcntl.F_GETFL)
    except OSError:
        return ()


def _descriptors() -> set[int]:
    """Return what this process has open."""
    found = set()
    for name in os.listdir(_DESCRIPTORS):
        try:
            os.fstat(int(name))
        except OSError:
            continue  # the one that was open for this look
        found.add(int(name))
    return found


def _is_nameless_socket(descriptor: int) -> bool:
    """Tell whether a descriptor is of a datagram socket of this machine that is bound to no name."""
    import socket

    try:
        with socket.socket(fileno=os.dup(descriptor)) as found:
            return (found.family, found.type, found.getsockname()) == (socket.AF_UNIX, socket.SOCK_DGRAM, "")
    except OSError:
        return False


def _count_threads() -> object:
    """Return how many threads there are, those that Python does not know included where the system tells."""
    known = len(sys._current_frames())
    try:
        return known, len(os.listdir("/proc/self/task"))
    except OSError:
        return known, known
