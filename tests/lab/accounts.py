# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Create the lab's login accounts, share them among labs that run at the same time, remove them with the last one.

    svclab1   may sudo without a password
    svclab2   may sudo with its password (asked for each time)
    svclab3   may not sudo at all

Accounts are the one thing of a lab that is not private to it: they live in the machine's user database. So they are
counted: each lab enters the process that keeps it alive as a holder, holders that died are struck off, and whoever
leaves last removes accounts, homes, sudo rules and the state. Everything here needs root.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pwd
import secrets
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.lab import processes
from tests.lab.errors import LabError

NAMES = ("svclab1", "svclab2", "svclab3")

_STATE = Path("/run/svclab-accounts.json")
_LOCK = Path("/run/svclab-accounts.lock")
_SUDOERS = Path("/etc/sudoers.d/svclab")
_GECOS = "ansible-svc test lab"

_RULES = f"""\
# Rules of the ansible-svc test lab; removed when the last lab ends.
Defaults env_keep += "{processes.MARKER}"
Defaults:svclab2 timestamp_timeout=0
svclab1 ALL=(ALL:ALL) NOPASSWD: ALL
svclab2 ALL=(ALL:ALL) ALL
"""


@dataclass(frozen=True)
class Account:
    """Hold what a test needs to log in as one of the accounts."""

    name: str
    password: str
    home: Path


def acquire(holder: processes.Process) -> dict[str, Account]:
    """Enter holder as a user of the accounts, creating them when it is the first; return them by name.

    Raises LabError when an account of that name exists that no lab made.
    """
    with _locked():
        state = _load()
        if not state["holders"]:
            state["passwords"] = {name: secrets.token_urlsafe(12) for name in NAMES}
            _create(state["passwords"])
        state["holders"].append([holder.pid, holder.start_ticks])
        _save(state)
        return {
            name: Account(name, password, Path(pwd.getpwnam(name).pw_dir))
            for name, password in state["passwords"].items()
        }


def release(holder: processes.Process) -> None:
    """Strike holder off, and remove the accounts when nobody is left."""
    with _locked():
        state = _load()
        state["holders"] = [entry for entry in state["holders"] if entry != [holder.pid, holder.start_ticks]]
        if state["holders"]:
            _save(state)
            return
        _remove()
        _STATE.unlink(missing_ok=True)
        _LOCK.unlink()


@contextlib.contextmanager
def _locked() -> Iterator[None]:
    # The last lab unlinks the lock file, so whoever waited for it may hold a lock on a file that is no longer there.
    while True:
        with open(_LOCK, "w", encoding="ascii") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            try:
                current = os.path.samestat(os.fstat(lock.fileno()), _LOCK.stat())
            except FileNotFoundError:
                current = False
            if current:
                yield
                return


def _load() -> dict[str, Any]:
    """Return the state without the holders that have died in the meantime."""
    try:
        state: dict[str, Any] = json.loads(_STATE.read_text())
    except FileNotFoundError:
        return {"holders": [], "passwords": {}}
    alive = []
    for pid, start_ticks in state["holders"]:
        now = processes.look(pid)
        if now is not None and now.start_ticks == start_ticks:
            alive.append([pid, start_ticks])
    return {**state, "holders": alive}


def _save(state: dict[str, Any]) -> None:
    descriptor = os.open(_STATE, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(state, file)


def _create(passwords: dict[str, str]) -> None:
    for name in passwords:
        if not _exists(name):
            _run("useradd", "--create-home", "--shell", "/bin/bash", "--comment", _GECOS, name)
    _run("chpasswd", stdin="".join(f"{name}:{password}\n" for name, password in passwords.items()))
    # Only names without a dot count in sudoers.d, so the unchecked file has no effect (sudoers(5)).
    draft = _SUDOERS.with_suffix(".new")
    draft.write_text(_RULES)
    draft.chmod(0o440)
    _run("visudo", "-c", "-q", "-f", str(draft))
    draft.rename(_SUDOERS)


def _remove() -> None:
    _SUDOERS.unlink(missing_ok=True)
    for name in NAMES:
        if _exists(name):
            _run("userdel", "--remove", name)


def _exists(name: str) -> bool:
    """Tell whether a lab's account of this name exists; raise LabError when it is somebody else's."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return False
    if entry.pw_gecos.rstrip(",") != _GECOS:
        raise LabError(f"account {name} exists and was not made by a lab; it is left alone")
    return True


def _run(*command: str, stdin: str | None = None) -> None:
    try:
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=60, check=False)
    except FileNotFoundError as exc:
        raise LabError(f"{command[0]} is not installed") from exc
    if done.returncode != 0:
        raise LabError(f"{' '.join(command)} failed: {done.stderr.strip()}")
