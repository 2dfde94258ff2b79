# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What a module finds, and that nothing of it passes on to the next one."""

from __future__ import annotations

import os
import signal

import pytest

from tests.integration.target.conftest import Bench, answer, inherited_as_ignored, read_pid
from tests.integration.target.test_zygote import ECHO, SLEEP

CHANGES_EVERYTHING = """
import atexit, builtins, gc, json, locale, logging, os, resource, signal, socket, sys, tempfile, threading, time
os.environ["SVC_CHANGED"] = "1"
os.environ.pop("PATH", None)
os.environ["HOME"] = "/nowhere"
os.chdir("/")
os.umask(0o077)
sys.path.insert(0, "/svc-changed")
sys.meta_path.clear()
sys.modules["svc_changed"] = sys
json.dumps = None
builtins.svc_changed = True
sys.argv.append("changed")
sys.setrecursionlimit(77777)
sys.excepthook = lambda *args: None
import ansible.module_utils.basic as basic
basic.AnsibleModule = None
for number in (signal.SIGTERM, signal.SIGCHLD, signal.SIGINT, signal.SIGUSR1, signal.SIGPIPE):
    signal.signal(number, signal.SIG_IGN if number != signal.SIGUSR1 else (lambda *args: None))
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGHUP, signal.SIGTERM])
signal.alarm(600)
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
os.nice(3)
socket.setdefaulttimeout(3)
os.environ["TZ"] = "Asia/Kathmandu" if time.timezone else "XYZ-7"
time.tzset()
locale.setlocale(locale.LC_ALL, "C" if locale.setlocale(locale.LC_ALL) != "C" else "C.UTF-8")
tempfile.tempdir = "/svc-changed"
logging.getLogger().addHandler(logging.NullHandler())
logging.getLogger("svc_changed").setLevel(1)
logging.disable(50)
gc.disable()
atexit.register(lambda: os.write(2, b"left"))
threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
for descriptor in (0, *range(3, 30)):
    try:
        os.close(descriptor)
    except OSError:
        pass
os.write(1, b"{}")
sys.exit(0)
"""

TELLS_EVERYTHING = """
import atexit, builtins, gc, json, locale, logging, os, resource, signal, socket, sys, tempfile, threading, time
mask = os.umask(0)
os.umask(mask)
AnsibleModule(argument_spec={}).exit_json(
    environment=dict(os.environ),
    cwd=os.getcwd(),
    umask=mask,
    path=sys.path,
    meta_path=[str(type(finder)) for finder in sys.meta_path],
    modules=sorted(sys.modules),
    dumps=json.dumps is not None,
    builtin=hasattr(builtins, "svc_changed"),
    argv=sys.argv,
    recursion=sys.getrecursionlimit(),
    hook=sys.excepthook is sys.__excepthook__,
    signals={str(int(n)): str(signal.getsignal(n)) for n in signal.valid_signals() if n not in (9, 19)},
    blocked=sorted(map(int, signal.pthread_sigmask(signal.SIG_BLOCK, []))),
    alarm=signal.alarm(0),
    core=resource.getrlimit(resource.RLIMIT_CORE),
    nofile=resource.getrlimit(resource.RLIMIT_NOFILE),
    nice=os.nice(0),
    timeout=socket.getdefaulttimeout(),
    locale=locale.setlocale(locale.LC_ALL),
    atexit=atexit._ncallbacks(),
    time_zone=[list(time.tzname), time.timezone, time.localtime(0).tm_hour],
    tempdir=tempfile.tempdir,
    logging=[len(logging.root.handlers), logging.root.manager.disable, sorted(logging.root.manager.loggerDict)],
    gc=gc.isenabled(),
    threads=threading.active_count(),
    descriptors=[fd for fd in os.listdir("/proc/self/fd") if os.path.exists("/proc/self/fd/" + fd)],
    leader=(os.getsid(0), os.getpgid(0)) == (os.getpid(), os.getpid()),
)
"""


def test_nothing_passes_from_one_module_to_the_next(bench: Bench) -> None:
    tells = bench.module("tells", TELLS_EVERYTHING)
    before = answer(bench.run(tells))
    outcome = bench.run(bench.module("changes", CHANGES_EVERYTHING))
    assert (outcome.rc, outcome.out, outcome.err) == (0, b"{}", b"left")
    after = answer(bench.run(tells))
    assert after == before
    assert after["threads"] == 1
    assert after["leader"] is True
    assert "" not in after["path"]


def test_a_module_finds_the_signals_of_a_new_interpreter(bench: Bench) -> None:
    source = """
import signal, sys
for number in sorted(signal.valid_signals() - IGNORED):
    print(int(number), getattr(signal.getsignal(number), "__name__", signal.getsignal(number)))
print(signal.pthread_sigmask(signal.SIG_BLOCK, []))
sys.exit(0)
""".replace("IGNORED", str(set(map(int, inherited_as_ignored())) or "set()"))
    outcome = bench.run(bench.module("tells", source))
    assert (outcome.rc, outcome.out, outcome.err) == bench.stock("tells", source)


def test_a_module_holds_no_descriptor_of_the_zygote(bench: Bench) -> None:
    """Also while others run: their pipes, and the socket to the agent."""
    pid_file = bench.folder / "pid"
    sleeps = bench.module("sleeps", SLEEP)
    run = bench.start(sleeps, env={"PID_FILE": str(pid_file)})
    read_pid(pid_file)
    held = answer(bench.run(bench.module("tells", TELLS_EVERYTHING)))["descriptors"]
    run.kill()
    assert run.result().rc == -signal.SIGKILL
    assert sorted(held) == ["0", "1", "2"], held


def test_environment_directory_and_limit_are_those_of_the_request(bench: Bench) -> None:
    tells = bench.module("tells", TELLS_EVERYTHING)
    told = answer(bench.run(tells, env={"SVC_ONE": "ä", "LANG": "C"}, cwd=str(bench.folder), nofile=99))
    assert told["environment"]["SVC_ONE"] == "ä"
    assert told["environment"]["LANG"] == "C"
    assert told["cwd"] == str(bench.folder)
    assert told["nofile"][0] == 99
    after = answer(bench.run(tells))
    assert "SVC_ONE" not in after["environment"]
    assert (after["cwd"], after["nofile"][0] == 99) == (os.getcwd(), False)


def test_a_directory_that_is_not_there_is_the_modules_failure(bench: Bench) -> None:
    outcome = bench.run(bench.module("echo", ECHO), {"word": "x"}, cwd="/nowhere")
    assert (outcome.rc, outcome.out) == (1, b"")
    assert outcome.err.endswith(b"FileNotFoundError: [Errno 2] No such file or directory: '/nowhere'\n")


@pytest.mark.parametrize("name", ["selectors", "struct", "json", "socket", "gc", "ansible"])
def test_files_of_the_login_directory_are_not_imported(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    folder = bench.folder / "home"
    folder.mkdir()
    (folder / f"{name}.py").write_text("raise RuntimeError('the wrong file')\n")
    monkeypatch.chdir(folder)
    assert answer(bench.run(bench.module("echo", ECHO), {"word": "x"}))["word"] == "x"
