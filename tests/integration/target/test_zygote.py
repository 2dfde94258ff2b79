# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Modules in real zygotes: what comes out, how they end, and what they cannot do to others."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.target.spawner import ZygoteGone
from tests.integration.target.conftest import INTERPRETERS, Bench, Running, alive, answer, end, eventually, read_pid

ECHO = """
import sys
module = AnsibleModule(argument_spec={"word": {"type": "str", "required": True}})
module.exit_json(word=module.params["word"], version=list(sys.version_info[:2]), executable=sys.executable)
"""

SLEEP = """
import os, time
with open(os.environ["PID_FILE"], "w") as file:
    file.write("%d\\n" % os.getpid())
time.sleep(600)
"""

# The program ends after run_command has asked for the first time whether it has.
ENDS_BETWEEN_TWO_QUESTIONS = """
import os, subprocess, time
poll, asked = subprocess.Popen.poll, []
def late(self):
    asked.append(self.pid)
    if len(asked) == 1:
        return None
    if self.returncode is None:
        os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
    return poll(self)
subprocess.Popen.poll = late
module = AnsibleModule(argument_spec={})
began = time.monotonic()
rc, out, err = module.run_command(["echo", "hi"])
module.exit_json(rc=rc, out=out, asked=len(asked), took=time.monotonic() - began)
"""


# -- what comes out


@pytest.mark.parametrize("reuse", [False, True])
def test_what_one_zygote_compiled_the_next_does_not(bench: Bench, reuse: bool) -> None:
    """What the second zygote runs is what the first has left, changed in between, and not what it was sent."""
    folder = bench.folder / "code"
    folder.mkdir(mode=0o700)
    bench.keep_code(folder)
    text = "AnsibleModule(argument_spec={}).exit_json(said='what was sent')"
    assert answer(bench.run(bench.module("kept", text), reuse=reuse))["said"] == "what was sent"
    [path] = eventually(lambda: [path for path in folder.iterdir() if not path.name.startswith(".")])
    inner = path.read_bytes()[32:].replace(b"what was sent", b"what was kept")
    path.write_bytes(hashlib.sha256(inner).digest() + inner)
    bench.keep_code(folder)
    assert answer(bench.run(bench.module("kept", text), reuse=reuse))["said"] == "what was kept"
    path.write_bytes(b"broken")
    bench.keep_code(folder)
    assert answer(bench.run(bench.module("kept", text), reuse=reuse))["said"] == "what was sent"


@pytest.mark.parametrize("version", INTERPRETERS)
def test_a_module_runs_with_the_interpreter_that_was_asked_for(bench: Bench, version: str) -> None:
    bench.interpreter = INTERPRETERS[version]
    module = bench.module("echo", ECHO)
    for word in ("first", "zweites ä", "third"):
        result = answer(bench.run(module, {"word": word}))
        assert (result["word"], result["version"]) == (word, [int(part) for part in version.split(".")])
        assert Path(result["executable"]).samefile(INTERPRETERS[version])


@pytest.mark.parametrize("version", INTERPRETERS)
def test_run_command_does_not_wait_for_a_program_that_has_ended(bench: Bench, version: str) -> None:
    bench.interpreter = INTERPRETERS[version]
    result = answer(bench.run(bench.module("ends", ENDS_BETWEEN_TWO_QUESTIONS)))
    assert (result["rc"], result["out"], result["asked"]) == (0, "hi\n", 3)
    assert result["took"] < 1.0


def test_standard_output_error_and_exit_status_are_kept_apart(bench: Bench) -> None:
    module = bench.module(
        "both",
        "import os, sys\nos.write(1, b'raw out \\xff ')\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(7)\n",
    )
    outcome = bench.run(module)
    assert (outcome.rc, outcome.out, outcome.err) == (7, b"raw out \xff out\n", b"err\n")


THREAD = "import threading, time\nthreading.Thread(target={}, daemon={}).start()\nsys.exit(0)"

LEAVES = {
    "exit": "sys.exit()",
    "exit with a number": "sys.exit(7)",
    "exit with True": "sys.exit(True)",
    "exit with too large a number": "sys.exit(300)",
    "exit with a negative number": "sys.exit(-1)",
    "exit with words": "sys.exit('a reason')",
    "exit with bytes that are no text": "sys.exit('\\udcff')",
    "return": "pass",
    "raise": "def inner():\n    raise KeyError('gone')\ninner()",
    "be interrupted": "raise KeyboardInterrupt",
    "os._exit": "print('buffered')\nos.write(1, b'written')\nos._exit(9)",
    "close standard output": "sys.stdout.close()\nsys.exit(0)",
    "close standard error": "sys.stderr.close()\nsys.exit('words')",
    "close both descriptors": "print('never seen')\nos.close(1)\nos.close(2)\nsys.exit(0)",
    "have no standard output": "sys.stdout = None\nsys.exit(3)",
    "have another excepthook": "sys.excepthook = lambda *args: os.write(2, b'hook')\nraise ValueError",
    "have a broken excepthook": "sys.excepthook = None\nraise ValueError('why')",
    "leave to atexit": "import atexit\natexit.register(os.write, 2, b'at exit')\nsys.exit(2)",
    "fail at exit": "import atexit\natexit.register(lambda: 1 / 0)\nsys.exit(2)",
    "leave a thread": THREAD.format("lambda: time.sleep(0.1) or os.write(2, b't')", False),
    "leave a daemon thread": THREAD.format("lambda: time.sleep(600)", True),
    "be killed": "os.write(1, b'before')\nos.kill(os.getpid(), 9)",
    "be terminated": "import signal\nos.kill(os.getpid(), signal.SIGTERM)",
    "crash": "import ctypes\nctypes.string_at(0)",
    "fork and leave twice": "if os.fork():\n    os.wait()\nprint('one')\nsys.exit(0)",
    "fork an exiting child": "if not os.fork():\n    sys.exit(5)\nprint(os.WEXITSTATUS(os.wait()[1]))\nsys.exit(0)",
    "write bytes": "os.write(1, b'\\xff\\xfe')\nprint('out')\nprint('err', file=sys.stderr)\nsys.exit(0)",
    "write after both": "print('out', flush=True)\nprint('err', file=sys.stderr)\nprint('out again')\nsys.exit(4)",
}


OLDEST, NEWEST = next(iter(INTERPRETERS)), list(INTERPRETERS)[-1]


@pytest.mark.parametrize("version", sorted({OLDEST, NEWEST}))
@pytest.mark.parametrize("leave", LEAVES)
def test_a_module_ends_as_it_does_under_ansible_core(bench: Bench, leave: str, version: str) -> None:
    bench.interpreter = INTERPRETERS[version]
    source = f"import os, sys\n{LEAVES[leave]}\n"
    rc, out, err = bench.stock("leaves", source)
    module, echo = bench.module("leaves", source), bench.module("echo", ECHO)
    for reuse in (False, True):
        for word in ("before", "after")[: 2 if reuse else 1]:
            assert answer(bench.run(echo, {"word": word}, reuse=reuse))["word"] == word
        outcome = bench.run(module, reuse=reuse)
        ended = (outcome.rc, _level(outcome.out), _level(outcome.err), outcome.error)
        assert ended == (rc, _level(out), _level(err), None), f"reuse={reuse}"
    assert answer(bench.run(echo, {"word": "at last"}, reuse=True))["word"] == "at last"


PAYLOAD = re.compile(rb"/[^ \"\n]*payload\.zip")
ADDRESS = re.compile(rb"0x[0-9a-f]+")
SOURCE_LINES = re.compile(rb"^    .*\n", re.MULTILINE)
OUTER_FRAMES = re.compile(rb'(?:  File "<std(?:in|ing)>".*\n(?:    .*\n)*)+')


def _level(text: bytes) -> bytes:
    """Return text without what differs from run to run under ansible-core as well: temporary paths and addresses."""
    # Python 3.13 finds the source of a bundle's files while it shows a traceback, but not that of a removed zip file.
    text = SOURCE_LINES.sub(b"", text)
    return OUTER_FRAMES.sub(b"", ADDRESS.sub(b"0x", PAYLOAD.sub(b"PAYLOAD", text)))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV], ids=lambda number: number.name)
def test_a_module_that_a_signal_ends(bench: Bench, number: signal.Signals) -> None:
    """It is not the zygote's end: the next module runs in the same one."""
    source = f"import os, sys\nos.write(1, b'before')\nos.kill(os.getpid(), {int(number)})\n"
    outcome = bench.run(bench.module("dies", source))
    assert (outcome.rc, outcome.out, outcome.error) == (-number, b"before", None)
    zygote = bench.zygote()
    assert answer(bench.run(bench.module("echo", ECHO), {"word": "x"}))["word"] == "x"
    assert bench.zygote() is zygote
    assert zygote.gone is None


def test_five_megabytes_on_both_outputs(bench: Bench) -> None:
    size = 5 * 1024 * 1024
    source = f"""
import sys
for _ in range(5):
    sys.stdout.write("o" * {size // 5})
    sys.stderr.write("e" * {size // 5})
sys.exit(0)
"""
    outcome = bench.run(bench.module("large", source))
    assert (outcome.rc, len(outcome.out), len(outcome.err)) == (0, size, size)
    assert set(outcome.out) == {ord("o")}
    assert set(outcome.err) == {ord("e")}


def test_large_arguments(bench: Bench) -> None:
    word = "w" * (3 * 1024 * 1024)
    assert answer(bench.run(bench.module("echo", ECHO), {"word": word}))["word"] == word


def test_thirty_at_once(bench: Bench) -> None:
    """All of them have to run at the same time, or none of them goes on."""
    source = """
import os, time
module = AnsibleModule(argument_spec={"number": {"type": "int"}, "folder": {"type": "str"}})
folder, number = module.params["folder"], module.params["number"]
open(os.path.join(folder, str(number)), "w").close()
while len(os.listdir(folder)) < 30:
    time.sleep(0.01)
module.exit_json(number=number)
"""
    folder = bench.folder / "arrived"
    folder.mkdir()
    module = bench.module("meet", source)
    runs = [bench.start(module, {"number": number, "folder": str(folder)}) for number in range(30)]
    assert [answer(run.result())["number"] for run in runs] == list(range(30))
    assert len({id(run.zygote) for run in runs}) == 1


def test_a_module_reads_nothing_from_standard_input(bench: Bench) -> None:
    source = "import sys\nAnsibleModule(argument_spec={}).exit_json(read=sys.stdin.read(), argv=sys.argv)\n"
    result = answer(bench.run(bench.module("reads", source)))
    assert result["read"] == ""
    assert [Path(word).name for word in result["argv"]] == ["reads.py"]


def test_a_module_that_respawns_finds_its_payload(bench: Bench) -> None:
    """respawn_module starts another interpreter on the zip file, which is there for as long as the module runs."""
    source = """
import os, sys
from ansible.module_utils.common import respawn
module = AnsibleModule(argument_spec={"word": {"type": "str"}})
if not respawn.has_respawned():
    respawn.respawn_module(sys.executable)
module.exit_json(word=module.params["word"], respawned=respawn.has_respawned(), file=__file__)
"""
    result = answer(bench.run(bench.module("respawns", source), {"word": "kept"}))
    assert (result["word"], result["respawned"]) == ("kept", True)
    assert not os.path.exists(result["file"].partition(".zip")[0] + ".zip")


# -- what stays behind


def test_a_module_that_daemonises_and_keeps_its_outputs_open(bench: Bench) -> None:
    """Nobody waits for the daemon, and it survives."""
    path = bench.folder / "pid"
    source = f"""
import os, sys, time
module = AnsibleModule(argument_spec={{}})
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        with open({str(path)!r}, "w") as file:
            file.write("%d\\n" % os.getpid())
        time.sleep(600)
    os._exit(0)
module.exit_json(started=True)
"""
    assert answer(bench.run(bench.module("daemonises", source)))["started"] is True
    pid = read_pid(path)
    try:
        assert alive(pid)
    finally:
        end(pid)


def test_a_module_that_leaves_a_child_in_the_background(bench: Bench) -> None:
    source = """
import subprocess
child = subprocess.Popen(["sleep", "600"])
AnsibleModule(argument_spec={}).exit_json(pid=child.pid)
"""
    pid = answer(bench.run(bench.module("leaves_child", source)))["pid"]
    try:
        assert alive(pid)
        assert answer(bench.run(bench.module("echo", ECHO), {"word": "next"}))["word"] == "next"
    finally:
        end(pid)


# -- bundles


def test_a_bundle_with_another_basic_gets_another_zygote_and_its_own_code(bench: Bench) -> None:
    source = """
import ansible.module_utils.basic as basic
AnsibleModule(argument_spec={}).exit_json(mark=getattr(basic, "MARK", 0))
"""
    basic = "ansible/module_utils/basic.py"

    def marked(number: int) -> Any:
        return bench.module(f"mark{number}", source, {basic: lambda content: content + b"\nMARK = %d\n" % number})

    plain, one, two = bench.module("plain", source), marked(1), marked(2)
    runs = [bench.start(module) for module in (plain, one, two, plain, two, one)]
    assert [answer(run.result())["mark"] for run in runs] == [0, 1, 2, 0, 2, 1]
    zygotes = [run.zygote for run in runs]
    assert zygotes[0] is zygotes[3]
    assert zygotes[1] is zygotes[5]
    assert zygotes[2] is zygotes[4]
    assert len({id(zygote) for zygote in zygotes}) == 3


def test_two_versions_of_one_module_share_a_zygote(bench: Bench) -> None:
    first = bench.module("same", "AnsibleModule(argument_spec={}).exit_json(version=1)\n")
    second = bench.module("same", "AnsibleModule(argument_spec={}).exit_json(version=2)\n")
    runs = [bench.start(module) for module in (first, second, first)]
    assert [answer(run.result())["version"] for run in runs] == [1, 2, 1]
    assert len({id(run.zygote) for run in runs}) == 1


def test_a_zygote_that_would_find_other_packages_is_replaced(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once for what begins now; it ends when nothing runs in it any longer."""
    packages = tmp_path / "packages"
    monkeypatch.setenv("PYTHONUSERBASE", str(packages))
    bench.interpreter = "/usr/bin/python3"  # one in a virtual environment has none of the user's packages
    module = bench.module("sleeps", SLEEP)
    echo = bench.module("echo", ECHO)
    pid_file = bench.folder / "pid"
    asleep = bench.start(module, env={"PID_FILE": str(pid_file)})
    pid = read_pid(pid_file)
    try:
        assert bench.start(echo, {"word": "x"}).zygote is asleep.zygote
        place = subprocess.run(
            [bench.interpreter, "-m", "site", "--user-site"], capture_output=True, text=True, check=False
        )
        Path(place.stdout.strip()).mkdir(parents=True)
        second = bench.start(echo, {"word": "x"})
        assert second.zygote is not asleep.zygote
        assert answer(second.result())["word"] == "x"
        assert alive(pid)
        asleep.kill()
        assert asleep.result().rc == -signal.SIGKILL
        (Path(place.stdout.strip()) / "more.pth").write_text("")
        third = bench.start(echo, {"word": "x"})
        assert third.zygote not in (asleep.zygote, second.zygote)
        assert asleep.zygote.gone is not None
        assert second.zygote.gone is not None
        assert not second.zygote.take()
        assert answer(third.result())["word"] == "x"
    finally:
        end(pid)


def test_a_zygote_that_is_about_to_start_something_is_not_retired(bench: Bench) -> None:
    with bench.spawner.zygote(bench.interpreter) as zygote:
        assert not zygote.retire()
        number = zygote.start({"op": "exec", "argv": ["sleep", "60"], "cwd": None, "env": {}, "pty": False}, b"", print)
    assert not zygote.retire()
    zygote.kill(number)
    eventually(zygote.retire, "that nothing runs")
    assert bench.zygote() is not zygote


def test_a_module_that_does_not_compile_is_its_own_failure(bench: Bench) -> None:
    """ansible-core itself compiles only what it scans for imports; a target may run an older Python."""
    bad = bench.module("bad", "", {"ansible/legacy/bad.py": lambda content: content + b"def (\n"})
    outcome = bench.run(bad)
    assert (outcome.rc, outcome.err) == (1, b"")
    assert json.loads(outcome.out)["exception"]["event"]["msg"] == "invalid syntax (bad.py, line 2)"
    assert answer(bench.run(bench.module("echo", ECHO), {"word": "x"}))["word"] == "x"


# -- kill


@pytest.mark.parametrize("moment", ["at once", "while it runs"])
def test_kill_ends_the_whole_process_group(bench: Bench, moment: str) -> None:
    pid_file, child_file = bench.folder / "pid", bench.folder / "child"
    source = f"import subprocess\nsubprocess.Popen(['sh', '-c', 'echo $$ > {child_file}; exec sleep 600'])\n" + SLEEP
    module = bench.module("sleeps", source)
    bench.run(bench.module("echo", ECHO), {"word": "the zygote is warm"})
    run = bench.start(module, env={"PID_FILE": str(pid_file)})
    child = 0
    if moment == "while it runs":
        read_pid(pid_file)
        child = read_pid(child_file)
    run.kill()
    outcome = run.result()
    assert (outcome.rc, outcome.error) == (-signal.SIGKILL, None)
    if child:
        eventually(lambda: not alive(child), "the child's end")


@pytest.mark.parametrize("pty", [False, True])
def test_kill_of_a_command_just_started(bench: Bench, pty: bool) -> None:
    bench.command(["true"])
    run = bench.start_command(["sleep", "600"], pty=pty)
    run.kill()
    assert run.result().rc == -signal.SIGKILL


def test_kill_of_one_leaves_the_others_alone(bench: Bench) -> None:
    module = bench.module("sleeps", SLEEP)
    files = [bench.folder / f"pid{number}" for number in range(3)]
    runs = [bench.start(module, env={"PID_FILE": str(path)}) for path in files]
    pids = [read_pid(path) for path in files]
    runs[1].kill()
    assert runs[1].result().rc == -signal.SIGKILL
    assert [alive(pid) for pid in pids] == [True, False, True]


def test_kill_of_what_is_over_does_nothing(bench: Bench) -> None:
    run = bench.start(bench.module("echo", ECHO), {"word": "x"})
    assert answer(run.result())["word"] == "x"
    run.kill()
    run.zygote.kill(10_000)
    assert answer(bench.run(bench.module("echo", ECHO), {"word": "y"}))["word"] == "y"


# -- what a module that is killed leaves

KEEPS_FILES = """
import atexit, os, shutil, tempfile, time
from ansible.module_utils.common import respawn
module = AnsibleModule(argument_spec={})
places = [module.tmpdir, tempfile.mkdtemp(prefix="kept-"), tempfile.mkdtemp(prefix="told-")]
atexit.register(shutil.rmtree, places[2])
for place in places:
    os.mkdir(os.path.join(place, "inner"))
    open(os.path.join(place, "inner", "file"), "w").close()
with open(os.environ["PID_FILE"], "w") as file:
    file.write("%d\\n" % os.getpid())
{end}
"""


def _temporary(bench: Bench) -> list[str]:
    return sorted(path.name.partition("-")[0] for path in (bench.folder / "temporary").iterdir())


def _start_keeping(bench: Bench, end: str, reuse: bool, word: str = "keeps_files") -> Running:
    """Start a module that makes directories and then does *end*; return when it has made them."""
    pid_file, temporary = bench.folder / word, bench.folder / "temporary"
    temporary.mkdir(exist_ok=True)
    module = bench.module("keeps_files", KEEPS_FILES.replace("{end}", end))
    run = bench.start(module, env={"PID_FILE": str(pid_file), "TMPDIR": str(temporary)}, reuse=reuse)
    read_pid(pid_file)
    return run


@pytest.mark.parametrize("reuse", [False, True])
def test_what_a_killed_module_would_have_removed_is_removed(bench: Bench, reuse: bool) -> None:
    run = _start_keeping(bench, "time.sleep(600)", reuse)
    assert len(_temporary(bench)) == 4  # and that of the payload, for a module that may respawn
    run.kill()
    assert run.result().rc == -signal.SIGKILL
    eventually(lambda: _temporary(bench) == ["kept"], "the end of the directories")


@pytest.mark.parametrize("reuse", [False, True])
def test_what_killed_modules_would_have_removed_is_gone_with_the_zygote(bench: Bench, reuse: bool) -> None:
    runs = [_start_keeping(bench, "time.sleep(600)", reuse, word=f"pid{number}") for number in range(2)]
    assert len(_temporary(bench)) == 8
    runs[0].zygote.close()
    assert [run.result().error is None for run in runs] == [False, False]
    assert _temporary(bench) == ["kept", "kept"]  # the socket is at its end when they are gone


def test_what_a_module_leaves_that_nobody_here_has_killed_stays(bench: Bench) -> None:
    """As under ansible-core: something that it started may be using it."""
    run = _start_keeping(bench, "os.kill(os.getpid(), 9)", False)
    assert run.result().rc == -signal.SIGKILL
    run.kill()
    assert answer(bench.run(bench.module("echo", ECHO), {"word": "later"}))["word"] == "later"
    assert len(_temporary(bench)) == 4


def test_what_an_earlier_module_of_the_same_runner_had_is_not_removed(bench: Bench) -> None:
    """It has ended, and its directory's name may be somebody else's by now."""
    pid = bench.module("pid", "import os\nAnsibleModule(argument_spec={}).exit_json(pid=os.getpid())\n")
    folder = bench.folder / "again"
    notes = f"import atexit, os, shutil\natexit.register(shutil.rmtree, {str(folder)!r}, True)\n"
    first = answer(bench.run(bench.module("notes", notes + "AnsibleModule({}).exit_json(pid=os.getpid())"), reuse=True))
    folder.mkdir()
    pid_file = bench.folder / "pid"
    run = bench.start(bench.module("sleeps", SLEEP), env={"PID_FILE": str(pid_file)}, reuse=True)
    assert read_pid(pid_file) == first["pid"]
    run.kill()
    assert run.result().rc == -signal.SIGKILL
    assert answer(bench.run(pid, reuse=True))["pid"] != first["pid"]
    assert folder.exists()


# -- modules that become another program

EXECUTES = """
import os
module = AnsibleModule(argument_spec={"script": {"type": "str"}})
os.execv("/bin/sh", ["sh", "-c", module.params["script"]])
"""


@pytest.mark.parametrize("reuse", [False, True])
def test_a_module_that_becomes_another_program(bench: Bench, reuse: bool) -> None:
    """Its output and its exit status are the module's, and the next module finds a runner."""
    executes, echo = bench.module("executes", EXECUTES), bench.module("echo", ECHO)
    for status in (0, 7):
        assert answer(bench.run(echo, {"word": "before"}, reuse=reuse))["word"] == "before"
        outcome = bench.run(executes, {"script": f"echo out; echo err >&2; exit {status}"}, reuse=reuse)
        assert (outcome.rc, outcome.out, outcome.err, outcome.error) == (status, b"out\n", b"err\n", None)
    reads = bench.run(executes, {"script": "cat; echo read; kill -TERM $$"}, reuse=reuse)
    assert (reads.rc, reads.out, reads.err) == (-signal.SIGTERM, b"read\n", b"")


@pytest.mark.parametrize("reuse", [False, True])
def test_a_module_that_is_killed_as_another_program(bench: Bench, reuse: bool) -> None:
    pid_file, child_file = bench.folder / "pid", bench.folder / "child"
    script = f"echo before; sleep 600 & echo $! > {child_file}; echo $$ > {pid_file}; wait"
    if reuse:
        assert answer(bench.run(bench.module("echo", ECHO), {"word": "before"}, reuse=True))["word"] == "before"
    run = bench.start(bench.module("executes", EXECUTES), {"script": script}, reuse=reuse)
    pids = [read_pid(child_file), read_pid(pid_file)]
    run.kill()
    outcome = run.result()
    assert (outcome.rc, outcome.out, outcome.error) == (-signal.SIGKILL, b"before\n", None)
    eventually(lambda: not any(map(alive, pids)), "the end of its process group")


# -- the end of a zygote


def test_closing_the_socket_ends_everything(bench: Bench) -> None:
    module = bench.module("sleeps", SLEEP)
    pid_file = bench.folder / "pid"
    run = bench.start(module, env={"PID_FILE": str(pid_file)})
    command = bench.start_command(["sh", "-c", f"echo $$ > {bench.folder}/command; sleep 600"])
    pids = [read_pid(pid_file), read_pid(bench.folder / "command"), run.zygote._process.pid]
    run.zygote.close()
    for ended in (run, command):
        outcome = ended.result()
        assert outcome.error is not None
        assert outcome.rc < 0
    eventually(lambda: not any(map(alive, pids)), "the end")
    with pytest.raises(ZygoteGone):
        run.zygote.start({"op": "run"}, b"", lambda outcome: None)


def test_closing_the_socket_ends_what_was_only_just_started(bench: Bench) -> None:
    bench.run(bench.module("echo", ECHO), {"word": "the zygote is warm"})
    run = bench.start(bench.module("sleeps", SLEEP), env={"PID_FILE": str(bench.folder / "pid")})
    run.zygote.close()
    assert run.result().error is not None  # what is left is found by the check after each test


def test_a_zygote_that_is_killed_fails_what_ran_in_it_and_is_replaced(bench: Bench) -> None:
    pid_file = bench.folder / "pid"
    run = bench.start(bench.module("sleeps", SLEEP), env={"PID_FILE": str(pid_file)})
    pid = read_pid(pid_file)
    os.kill(run.zygote._process.pid, signal.SIGKILL)
    try:
        outcome = run.result()
        assert outcome.error is not None
        eventually(lambda: run.zygote.gone is not None)
        assert answer(bench.run(bench.module("echo", ECHO), {"word": "x"}))["word"] == "x"
        assert bench.zygote() is not run.zygote
    finally:
        end(pid)
