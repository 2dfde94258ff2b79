# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Runners that are used again: by whom, for how long, and that nothing passes from one module to the next in them."""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.target.idle import KEPT
from tests.integration.target.conftest import INTERPRETERS, Bench, alive, answer, end, eventually, read_pid
from tests.integration.target.test_isolation import CHANGES_EVERYTHING, TELLS_EVERYTHING
from tests.integration.target.test_zygote import SLEEP

PID = """
import os
AnsibleModule(argument_spec={"word": {"no_log": True}}).exit_json(pid=os.getpid(), group=os.getpgid(0))
"""

SOILS = {
    "an environment variable": "os.environ['SVC_CHANGED'] = '1'",
    "a variable less": "os.environ.pop('PATH')",
    "the umask": "os.umask(0o077)",
    "a signal handler": "signal.signal(signal.SIGUSR1, lambda *args: None)",
    "an ignored signal": "signal.signal(signal.SIGTERM, signal.SIG_IGN)",
    "a blocked signal": "signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP])",
    "an alarm": "signal.alarm(600)",
    "a timer": "signal.setitimer(signal.ITIMER_PROF, 600)",
    "a thread": "threading.Thread(target=time.sleep, args=(600,), daemon=True).start()",
    "a child": "subprocess.Popen(['sleep', '600'])",
    "a child that has ended": "p = subprocess.Popen(['true']); os.waitid(os.P_PID, p.pid, os.WEXITED | os.WNOWAIT)",
    "an open file": "builtins.open('/dev/null').fileno(); os.open('/dev/null', os.O_RDONLY)",
    "a closed descriptor": "os.close(0)",
    "another standard output": "os.dup2(os.open('/dev/null', os.O_WRONLY), 1)",
    "a standard error that does not block": "os.set_blocking(2, False)",
    "a closed stream": "sys.stderr.close()",
    "another stream": "sys.stdin = io.StringIO()",
    "sys.meta_path": "sys.meta_path.pop()",
    "sys.path_hooks": "sys.path_hooks.clear()",
    "a module": "sys.modules['svc_changed'] = sys",
    "a module less": "del sys.modules['shlex']",
    "a replaced module": "sys.modules['json'] = sys",
    "a name in a module": "json.dumps = None",
    "a name less in a module": "del basic.AnsibleModule",
    "an attribute of a class": "basic.AnsibleModule.svc_changed = 1",
    "a list of module_utils": "basic.PASS_VARS['svc'] = ('changed', 1)",
    "an object of module_utils": "basic.PERM_BITS = 0",
    "a builtin": "builtins.svc_changed = True",
    "a hook": "sys.excepthook = lambda *args: None",
    "a trace function": "sys.settrace(lambda *args: None)",
    "the recursion limit": "sys.setrecursionlimit(77777)",
    "a limit": "resource.setrlimit(resource.RLIMIT_CORE, (0, 0))",
    "a hard limit": "resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))",
    "the priority": "os.nice(3)",
    "the collector": "gc.disable()",
    "a time limit": "socket.setdefaulttimeout(3)",
    "a logging handler": "logging.root.addHandler(logging.NullHandler())",
    "a logger": "logging.getLogger('svc_changed')",
    "a filter of warnings": "warnings.simplefilter('error')",
}


def differing(after: dict[str, Any], before: dict[str, Any]) -> list[str]:
    """Return in what two answers of TELLS_EVERYTHING differ, but for parts of the standard library that are loaded."""
    return [name for name in before if name != "modules" and after[name] != before[name]]


CHANGES = """
import builtins, gc, io, json, logging, os, resource, shlex, signal, socket, subprocess, sys, threading, time, warnings
import ansible.module_utils.basic as basic
module = AnsibleModule(argument_spec={"change": {"type": "str"}})
mine = os.getpid()
exec(module.params["change"])
os._exit(0) if mine != os.getpid() else sys.exit(0)
"""


@pytest.mark.parametrize("version", INTERPRETERS)
def test_a_clean_runner_runs_the_next_module_and_a_soiled_one_does_not(bench: Bench, version: str) -> None:
    bench.interpreter = INTERPRETERS[version]
    pid, tells = bench.module("pid", PID), bench.module("tells", TELLS_EVERYTHING)
    first = answer(bench.run(tells, reuse=True))
    one = answer(bench.run(pid, reuse=True))
    assert (one["group"], answer(bench.run(pid, reuse=True))["pid"]) == (one["pid"], one["pid"])
    assert answer(bench.run(pid))["pid"] != one["pid"]
    assert differing(answer(bench.run(tells, reuse=True)), first) == []
    outcome = bench.run(bench.module("changes", CHANGES_EVERYTHING), reuse=True)
    assert (outcome.rc, outcome.out, outcome.err) == (0, b"{}", b"left")
    assert differing(answer(bench.run(tells, reuse=True)), first) == []
    assert answer(bench.run(pid, reuse=True))["pid"] != one["pid"]


def test_a_module_that_leaves_anything_behind_is_the_last_of_its_runner(bench: Bench) -> None:
    pid, tells = bench.module("pid", PID), bench.module("tells", TELLS_EVERYTHING)
    soils = bench.module("soils", CHANGES)
    before = answer(bench.run(tells, reuse=True))
    for what, change in SOILS.items():
        was = answer(bench.run(pid, reuse=True))["pid"]
        outcome = bench.run(soils, {"change": change}, reuse=True)
        assert outcome.rc in (0, 120), (what, outcome.err)
        eventually(lambda was=was: not alive(was), f"the end of the runner that had {what}")
        assert differing(answer(bench.run(tells, reuse=True)), before) == [], what


# Returns when the program is in a session of its own; before that it is one that the module has left running.
BACKGROUND = (
    'd=$(mktemp -d); mkfifo "$d/f"; setsid sh -c "echo > $d/f; exec sleep 0.01" >/dev/null 2>&1 & read -r _ < "$d/f";'
    ' rm -r "$d"'
)
CLEAN = {
    "a directory": "os.chdir('/')",
    "the locale": "import locale; locale.setlocale(locale.LC_ALL, 'C')",
    "a function at exit": "import atexit; atexit.register(os.write, 2, b'at exit')",
    "sys.path": "sys.path.insert(0, '/svc-changed')",
    "sys.argv": "sys.argv.append('changed')",
    "a warning": "module.warn('careful'); module.deprecate('old', version='9.9')",
    "a module of the library": "import wave",
    "a context variable": "import contextvars; contextvars.ContextVar('svc').set(1)",
    "a temporary directory": "import tempfile; tempfile.gettempdir(); os.rmdir(tempfile.mkdtemp())",
    "an exception": "raise ValueError('broken')",
    "an exit status": "sys.exit(3)",
    "a program": "module.run_command(['true'])",
    "a program in the background": "module.run_command(%r, use_unsafe_shell=True)" % BACKGROUND,
}


def test_what_modules_rightly_change_is_put_back(bench: Bench) -> None:
    pid, tells = bench.module("pid", PID), bench.module("tells", TELLS_EVERYTHING)
    changes = bench.module("changes", CHANGES)
    before = answer(bench.run(tells, reuse=True))
    was = answer(bench.run(pid, reuse=True))["pid"]
    for what, change in CLEAN.items():
        bench.run(changes, {"change": change}, reuse=True)
        assert answer(bench.run(pid, reuse=True))["pid"] == was, what
        after = answer(bench.run(tells, reuse=True))
        assert after.pop("warnings", None) is None, what
        assert differing(after, before) == [], what
    assert "wave" in after["modules"]


def test_environment_directory_and_limit_are_those_of_each_request(bench: Bench) -> None:
    source = """
import os, resource, time
AnsibleModule(argument_spec={}).exit_json(
    one=os.environ.get("SVC_ONE"), cwd=os.getcwd(), zone=time.tzname, pid=os.getpid(),
    files=resource.getrlimit(resource.RLIMIT_NOFILE)[0])
"""
    tells = bench.module("tells", source)
    plain = answer(bench.run(tells, reuse=True))
    env = {"SVC_ONE": "ä", "TZ": "SVC-3"}
    told = answer(bench.run(tells, reuse=True, env=env, cwd=str(bench.folder), nofile=99))
    assert (told["one"], told["cwd"], told["zone"][0], told["files"]) == ("ä", str(bench.folder), "SVC", 99)
    assert answer(bench.run(tells, reuse=True)) == plain
    assert told["pid"] == plain["pid"]
    assert answer(bench.run(tells, env=env))["zone"][0] == "SVC"


def test_secrets_do_not_stay_in_a_runner(bench: Bench) -> None:
    """Nothing that the collector knows of refers to an argument of the module before."""
    secret = "correct horse battery staple"
    source = f"""
import gc, os
word = " ".join({secret.split()!r})
found = [type(holder).__name__ for holder in gc.get_objects() for held in gc.get_referents(holder)
         if (isinstance(held, str) and word in held or isinstance(held, (bytes, bytearray)) and word.encode() in held)
         and holder is not globals()]
AnsibleModule(argument_spec={{}}).exit_json(found=found, pid=os.getpid())
"""
    run = answer(bench.run(bench.module("pid", PID), {"word": secret}, reuse=True))
    looks = answer(bench.run(bench.module("looks", source), reuse=True))
    assert (looks["pid"], looks["found"]) == (run["pid"], [])


def test_at_the_same_time_each_has_a_runner_of_its_own_and_a_few_of_them_stay(bench: Bench) -> None:
    source = """
import os, time
module = AnsibleModule(argument_spec={"folder": {"type": "str"}})
open(os.path.join(module.params["folder"], str(os.getpid())), "w").close()
while len(os.listdir(module.params["folder"])) < 12:
    time.sleep(0.01)
module.exit_json(pid=os.getpid())
"""
    folder = bench.folder / "arrived"
    folder.mkdir()
    meets = bench.module("meets", source)
    runs = [bench.start(meets, {"folder": str(folder)}, reuse=True) for _ in range(12)]
    pids = {answer(run.result())["pid"] for run in runs}
    assert len(pids) == 12
    eventually(lambda: sum(map(alive, pids)) == KEPT, "the end of those that are too many")
    assert answer(bench.run(bench.module("pid", PID), reuse=True))["pid"] in pids


@pytest.mark.parametrize("moment", ["at once", "while it runs"])
def test_kill_of_a_used_runner_ends_its_whole_group(bench: Bench, moment: str) -> None:
    child_file, pid_file = bench.folder / "child", bench.folder / "pid"
    source = f"import subprocess\nsubprocess.Popen(['sh', '-c', 'echo $$ > {child_file}; exec sleep 600'])\n" + SLEEP
    sleeps, pid = bench.module("sleeps", source), bench.module("pid", PID)
    was = answer(bench.run(pid, reuse=True))["pid"]
    run = bench.start(sleeps, env={"PID_FILE": str(pid_file)}, reuse=True)
    child = 0
    if moment == "while it runs":
        assert read_pid(pid_file) == was
        child = read_pid(child_file)
    run.kill()
    outcome = run.result()
    assert (outcome.rc, outcome.error) == (-signal.SIGKILL, None)
    if child:
        eventually(lambda: not alive(child), "the child's end")
    assert not alive(was)
    assert answer(bench.run(pid, reuse=True))["pid"] != was


def test_a_kill_does_not_reach_what_an_earlier_module_left_running(bench: Bench) -> None:
    """A program in the background of a task that is over lives on, as it does under ansible-core."""
    pid, pid_file = bench.module("pid", PID), bench.folder / "pid"
    source = f"""
module = AnsibleModule(argument_spec={{}})
module.run_command("sleep 600 >/dev/null 2>&1 & echo $! > {bench.folder}/left", use_unsafe_shell=True)
module.exit_json()
"""
    was = answer(bench.run(pid, reuse=True))["pid"]
    answer(bench.run(bench.module("leaves", source), reuse=True))
    left = read_pid(bench.folder / "left")
    try:
        eventually(lambda: not alive(was), "the end of the runner whose group is still used")
        run = bench.start(bench.module("sleeps", SLEEP), env={"PID_FILE": str(pid_file)}, reuse=True)
        read_pid(pid_file)
        run.kill()
        assert run.result().rc == -signal.SIGKILL
        assert alive(left)
    finally:
        end(left)


def test_megabytes_in_both_directions(bench: Bench) -> None:
    source = """
import os, sys
module = AnsibleModule(argument_spec={"word": {"type": "str"}})
print(module.params["word"], flush=True)
sys.stderr.write("e" * 5000000)
os.write(1, b"%d" % os.getpid())
sys.exit(0)
"""
    word = "w" * 3_000_000
    module = bench.module("large", source)
    outcomes = [bench.run(module, {"word": word}, reuse=True) for _ in range(2)]
    first, second = (outcome.out.partition(b"\n") for outcome in outcomes)
    assert first == second
    assert first[0] == word.encode()
    assert [len(outcome.err) for outcome in outcomes] == [5_000_000] * 2


def test_other_code_under_the_same_name_gets_another_runner(bench: Bench) -> None:
    """What a runner has imported is the next module's only if it is the same, by digest."""
    unknown = """
import os, sys
from ansible.module_utils import common
names = ("ansible.module_utils.common.respawn" in sys.modules, hasattr(common, "respawn"))
AnsibleModule(argument_spec={}).exit_json(names=names, pid=os.getpid())
"""
    source = """
import os
from ansible.module_utils.common import respawn
AnsibleModule(argument_spec={}).exit_json(mark=getattr(respawn, "MARK", 0), pid=os.getpid())
"""
    path = "ansible/module_utils/common/respawn.py"

    def marked(number: int) -> Any:
        return bench.module(f"mark{number}", source, {path: lambda content: content + b"\nMARK = %d\n" % number})

    modules = [bench.module("plain", source), marked(1), marked(2)]
    told = [answer(bench.run(modules[number], reuse=True)) for number in (0, 1, 2, 0, 2, 1)]
    assert [each["mark"] for each in told] == [0, 1, 2, 0, 2, 1]
    pids = [each["pid"] for each in told]
    assert (pids[3], pids[4], pids[5]) == (pids[0], pids[2], pids[1])
    assert len(set(pids)) == 3
    # a module without that file must not find it in the runner either, and who has another finds that one
    told = [
        answer(bench.run(module, reuse=True)) for module in (bench.module("unknown", unknown), modules[2], modules[0])
    ]
    assert told[0]["names"] == [False, False]
    assert [each.get("mark") for each in told] == [None, 2, 0]
    assert [each["pid"] for each in told] == [pids[5], pids[5], pids[0]]


def test_a_package_is_forgotten_with_all_that_is_in_it(bench: Bench) -> None:
    knows = """
import os, sys
import ansible.module_utils
{}
module = AnsibleModule(argument_spec={{}})
{}
known = [name for name in sys.modules if name.startswith("ansible.module_utils.facts")]
module.exit_json(known=known, named=hasattr(ansible.module_utils, "facts"), pid=os.getpid())
"""
    uses = ("from ansible.module_utils import facts", "from ansible.module_utils.facts.network import base")
    empty: dict[str, Callable[[bytes], bytes]] = {"ansible/module_utils/facts/__init__.py": lambda content: b""}
    modules = [bench.module("with", knows.format(*uses), empty), bench.module("without", knows.format("", ""))]
    told = [answer(bench.run(modules[number], reuse=True)) for number in (0, 1, 0, 1)]
    assert len({each["pid"] for each in told}) == 1
    assert [each["named"] for each in told] == [True, False] * 2
    assert told[1]["known"] == told[3]["known"] == []
    assert told[0]["known"] == told[2]["known"]
    assert "ansible.module_utils.facts.network.base" in told[0]["known"]


def test_a_runner_learns_a_bundle_that_came_after_it(bench: Bench) -> None:
    pid = answer(bench.run(bench.module("pid", PID), reuse=True))["pid"]
    source = """
import os
from ansible.module_utils.common import respawn
import inspect
AnsibleModule(argument_spec={}).exit_json(pid=os.getpid(), lines=len(inspect.getsource(respawn)))
"""
    told = answer(bench.run(bench.module("later", source), reuse=True))
    assert told["pid"] == pid
    assert told["lines"] > 1000


@pytest.mark.skipif(os.getuid() != 0 or not sys.platform.startswith("linux"), reason="needs root on Linux for an /etc")
def test_a_system_file_that_is_read_once_makes_runners_outdated(bench: Bench, tmp_path: Path) -> None:
    # the file is one that only this interpreter and what it starts can see
    own, interpreter = tmp_path / "nsswitch.conf", tmp_path / "python"
    shutil.copy("/etc/nsswitch.conf", own)
    program = 'mount --bind "$0" /etc/nsswitch.conf && exec "$@"'
    words = ["unshare", "--mount", "sh", "-c", program, str(own), sys.executable]
    interpreter.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n')
    interpreter.chmod(0o755)
    bench.interpreter = str(interpreter)
    pid = bench.module("pid", PID)
    first = answer(bench.run(pid, reuse=True))["pid"]
    assert answer(bench.run(pid, reuse=True))["pid"] == first
    own.write_text("hosts: files\n")
    assert answer(bench.run(pid, reuse=True))["pid"] != first
