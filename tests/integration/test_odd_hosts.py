# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hosts as one meets them: full and read-only homes, shells that talk, no Python yet. Nothing of that fails a task.

An sshd in a mount namespace of its own has an account for each, so that file systems may be mounted and /etc/passwd may
be another one without anybody else noticing.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.twin import both, inventory
from tests.lab import Lab
from tests.lab.playbook import RunResult

# $1 is the lab's directory. Nothing is mounted or changed outside of the namespace.
NAMESPACE = """
set -e
odd=$1/odd; shift
mkdir -p $odd/shells
cp /etc/passwd $odd/passwd
number=70000
account() {  # name, login shell's own lines
    number=$((number + 1))
    mkdir -p $odd/$1
    printf '#!/bin/sh\\n%s\\nexec /bin/sh "$@"\\n' "$2" > $odd/shells/$1
    chmod 755 $odd/shells/$1
    echo "$1:x:$number:$number::$odd/$1:$odd/shells/$1" >> $odd/passwd
    [ -z "$3" ] || mount -t tmpfs $3 none $odd/$1
    chown $number:$number $odd/$1
}
account full '' '-o size=4096'
head -c 4096 /dev/zero > $odd/full/filler
account readonly '' '-o size=65536'
mount -o remount,ro $odd/readonly
account noexec "TMPDIR=$odd/noexec; export TMPDIR" '-o noexec,mode=1777'
account banner 'echo "Welcome to the machine"; printf "and no end of line"'
account strict 'umask 0077'
account homeless 'unset HOME'
account plain 'unset TMPDIR'
account bare "PATH=$odd/bin; export PATH"
mkdir $odd/bin
for program in sh cat echo ln rm mkdir chmod ls sleep env id true; do ln -s /bin/$program $odd/bin/; done
chown -R $number $odd/bin
chmod 755 $odd $odd/shells
mount --bind $odd/passwd /etc/passwd
exec "$@"
"""
# The same, where /tmp itself is full, and nothing in it can be executed.
TIGHT = NAMESPACE.replace(
    '\nexec "$@"\n',
    """
mount -t tmpfs -o noexec,mode=1777,size=4096 none /tmp
head -c 4096 /dev/zero > /tmp/filler
exec "$@"
""",
)
ODD = ("full", "readonly", "noexec", "banner", "strict", "homeless")

TASKS: list[dict[str, Any]] = [
    {"name": "Command", "ansible.builtin.command": "echo fine", "changed_when": False},
    {"name": "Copy", "ansible.builtin.copy": {"content": "x" * 3000, "dest": "{{ workdir }}/copied", "mode": "0644"}},
    {
        "name": "Line",
        "ansible.builtin.lineinfile": {"path": "{{ workdir }}/lines", "line": "one", "create": True, "mode": "0644"},
    },
    {"name": "Stat", "ansible.builtin.stat": {"path": "{{ workdir }}/copied"}, "register": "seen"},
    {"name": "Check", "ansible.builtin.assert": {"that": "seen.stat.size == 3000"}},
]


def _namespaces() -> bool:
    if os.geteuid() != 0:
        return False
    probe = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", "/mnt"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _namespaces(), reason="mount namespaces need root")


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a lab with the accounts of NAMESPACE."""
    # Not below pytest's directory, which other accounts may not enter.
    directory = Path("/tmp") / f"svcodd-{os.getpid()}"
    wrapper = ["unshare", "--mount", "/bin/sh", "-c", NAMESPACE, "sh", str(directory)]
    with Lab(directory, with_accounts=False, wrapper=wrapper) as lab:
        yield lab


@pytest.fixture
def tight() -> Iterator[Lab]:
    """Give a lab with the accounts of TIGHT."""
    directory = Path("/var/tmp") / f"svctight-{os.getpid()}"
    wrapper = ["unshare", "--mount", "/bin/sh", "-c", TIGHT, "sh", str(directory)]
    with Lab(directory, with_accounts=False, wrapper=wrapper) as lab:
        yield lab


def run(
    lab: Lab,
    users: tuple[str, ...],
    tasks: list[dict[str, Any]],
    svc: dict[str, object] | None = None,
    interpreters: tuple[str, ...] = ("/usr/bin/python3", "python3"),
) -> RunResult:
    """Run tasks as each of the users on a host of its own.

    svc are options of the strategy, interpreters what is looked for on the hosts.
    """
    hosts = {host.name: user for host, user in zip(lab.hosts(len(users)), users, strict=True)}
    inventory = lab.inventory(
        len(users),
        odd=hosts,
        ansible_user="{{ odd[inventory_hostname] }}",
        # As stock would need it too: modules and copies want some place to write to.
        ansible_remote_tmp="{{ workdir }}/tmp-{{ odd[inventory_hostname] }}",
        ansible_interpreter_python_fallback=list(interpreters),
    )
    cfg = lab.ansible_cfg(strategy="svc_linear", sections={"svc": svc or {}})
    plays = [{"hosts": "all", "gather_facts": False, "tasks": tasks}]
    return lab.run_playbook(plays, inventory=inventory, cfg=cfg, extra_args=["-v"], timeout_s=100)


def test_nothing_that_is_odd_about_a_host_fails_a_task(odd: Lab) -> None:
    for _first_and_second in range(2):
        result = run(odd, ODD, TASKS)
        assert result.rc == 0, str(result)
        said = [line for line in result.stdout.splitlines() if line.startswith("svc: ") and "cache" in line]
        assert len([line for line in said if "Read-only file system" in line]) == 1, said
        assert len([line for line in said if "No space left on device" in line]) == 1, said
        assert len(said) == 2, said
        assert "using ansible-core's own connection" not in result.stdout


def test_a_home_that_hosts_share(odd: Lab) -> None:
    """Both come up at once, on an empty cache: whoever is second finds it whole or not at all."""
    shared = ("strict", "strict", "strict")
    subprocess.run(["rm", "-rf", str(odd.directory / "odd" / "strict" / ".cache")], check=True)
    result = run(odd, shared, TASKS)
    assert result.rc == 0, str(result)
    assert list((odd.directory / "odd" / "strict" / ".cache" / "ansible_svc").glob("boot-*"))


def test_python_is_installed_by_raw_and_the_play_goes_on_natively(odd: Lab, tmp_path: Path) -> None:
    script = tmp_path / "script.sh"
    script.write_text("#!/bin/sh\necho from a script\n")
    tasks = [
        {"name": "Raw", "ansible.builtin.raw": "echo raw", "changed_when": False},
        {"name": "Script", "ansible.builtin.script": str(script)},
        {"name": "Install", "ansible.builtin.raw": f"ln -s /usr/bin/python3 {odd.directory}/odd/bin/python3"},
        {"name": "Reset", "ansible.builtin.meta": "reset_connection"},
        {"name": "Wait", "ansible.builtin.wait_for_connection": {"timeout": 20}},
        *TASKS,
    ]
    svc = {"stats_file": tmp_path / "statistics"}
    result = run(odd, ("bare",), tasks, svc, interpreters=("python3",))
    assert result.rc == 0, str(result)
    outs = {event["task"]: event["result"].get("stdout", "") for event in result.results()}
    assert (outs["Raw"].strip(), outs["Script"].strip(), outs["Command"]) == ("raw", "from a script", "fine")
    assert "no usable Python was found" in result.stdout
    # Command, Copy, Line and Stat, and the ping that was waited for, ran through the agent.
    assert json.loads((tmp_path / "statistics").read_text())["modules"]["used"] >= 5


# Without a copy: where there is no place for its file, linear fails.
FILELESS = [task for task in TASKS if task["name"] in ("Command", "Line")]


@pytest.mark.parametrize("user", ["readonly", "homeless"])
def test_the_default_place_for_temporary_files_where_there_is_none(odd: Lab, user: str) -> None:
    if user == "homeless":  # or the first run would be told that it has made it
        place = odd.directory / "odd" / user / ".ansible"
        for path in (place, place / "tmp"):
            path.mkdir(mode=0o700, exist_ok=True)
            os.chown(path, place.parent.stat().st_uid, place.parent.stat().st_gid)

    pair = both(odd, [{"name": "Odd", "hosts": "all", "gather_facts": False, "tasks": FILELESS}], as_user(odd, user))

    assert pair.stock.run.rc == 0, pair.stock.run
    assert pair.ours.run.rc == 0, pair.ours.run
    pair.assert_equal()


def test_tmp_is_full_and_executes_nothing(tight: Lab) -> None:
    pair = both(
        tight, [{"name": "Tight", "hosts": "all", "gather_facts": False, "tasks": TASKS}], as_user(tight, "plain")
    )

    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


def as_user(lab: Lab, user: str) -> Path:
    """Write an inventory of one host to which that account logs in."""
    return inventory(lab, 1, ansible_user=user)
