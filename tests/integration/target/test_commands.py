# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Plain commands, started by real zygotes."""

from __future__ import annotations

import errno
import os
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.integration.target.conftest import Bench, alive, end, eventually, inherited_as_ignored, read_pid

MEGABYTE = 1024 * 1024


def test_a_command(bench: Bench) -> None:
    outcome = bench.sh("echo out; echo err >&2; exit 3")
    assert (outcome.rc, outcome.out, outcome.err, outcome.error) == (3, b"out\n", b"err\n", None)


@pytest.mark.parametrize("size", [1, 65_536, 65_537, 5 * MEGABYTE])
def test_standard_input_of_any_size(bench: Bench, size: int) -> None:
    data = os.urandom(size)
    outcome = bench.command(["cat"], data)
    assert (outcome.rc, outcome.out == data) == (0, True)


def test_no_standard_input(bench: Bench) -> None:
    outcome = bench.sh("cat; readlink /proc/self/fd/0")
    assert outcome.out == b"/dev/null\n"


def test_a_process_that_ignores_its_standard_input(bench: Bench) -> None:
    outcome = bench.sh("echo done", b"x" * (3 * MEGABYTE))
    assert (outcome.rc, outcome.out) == (0, b"done\n")


def test_a_process_that_closes_its_standard_input_and_goes_on(bench: Bench) -> None:
    outcome = bench.sh("exec <&-; echo closed; sleep 0.2; echo done", b"x" * (3 * MEGABYTE))
    assert (outcome.rc, outcome.out) == (0, b"closed\ndone\n")


def test_a_process_that_reads_a_part(bench: Bench) -> None:
    outcome = bench.sh("head -c 5; exit 4", b"12345" + b"x" * (3 * MEGABYTE))
    assert (outcome.rc, outcome.out) == (4, b"12345")


def test_large_input_and_output_of_many_at_once(bench: Bench) -> None:
    """Neither side may wait for the other to read while the other waits for it."""
    count, size = 12, 3 * MEGABYTE
    data = os.urandom(size)
    runs: list[Any] = []
    lock = threading.Lock()

    def start() -> None:
        run = bench.start_command(["cat"], data)
        with lock:
            runs.append(run)

    bench.command(["true"])
    threads = [threading.Thread(target=start, daemon=True) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "the agent and the zygote wait for each other"
    assert [run.result().out == data for run in runs] == [True] * count


@pytest.mark.parametrize(
    ("argv", "number"),
    [
        (["/no/such/program"], "ENOENT"),
        (["no-such-program-on-path"], "ENOENT"),
        (["{folder}/plain"], "EACCES"),
        (["{folder}/no_format"], "ENOEXEC"),
        (["/"], "EACCES"),
    ],
)
@pytest.mark.parametrize("pty", [False, True])
def test_a_program_that_cannot_be_started(bench: Bench, argv: list[str], number: str, pty: bool) -> None:
    (bench.folder / "plain").write_text("text")
    (bench.folder / "no_format").write_text("text")
    (bench.folder / "no_format").chmod(0o755)
    argv = [word.format(folder=bench.folder) for word in argv]
    outcome = bench.command(argv, pty=pty)
    if pty and outcome.error is None:  # it was found too late to be told apart from a program's own words
        assert outcome.rc in (126, 127)
        assert os.strerror(getattr(errno, number)).encode() in outcome.out
        return
    assert outcome.error is not None
    assert outcome.errno == getattr(errno, number)
    assert argv[0] in outcome.error


def test_a_directory_that_is_not_there(bench: Bench) -> None:
    outcome = bench.command(["true"], cwd="/no/such/directory")
    assert outcome.error is not None
    assert "/no/such/directory" in outcome.error


@pytest.mark.parametrize("pty", [False, True])
def test_environment_and_directory(bench: Bench, pty: bool) -> None:
    outcome = bench.sh('echo "$SVC_ONE"; pwd', env={"SVC_ONE": "ä b"}, cwd=str(bench.folder), pty=pty)
    assert outcome.out.split() == ["ä".encode(), b"b", str(bench.folder).encode()]
    assert bench.sh('echo "$SVC_ONE"; pwd', pty=pty).out.split() == [os.getcwd().encode()]


def test_words_that_are_no_text(bench: Bench) -> None:
    outcome = bench.command(["printf", "%s", "\udcff\udcfe ä"])
    assert outcome.out == b"\xff\xfe \xc3\xa4"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM], ids=lambda number: number.name)
@pytest.mark.parametrize("pty", [False, True])
def test_a_command_that_a_signal_ends(bench: Bench, number: signal.Signals, pty: bool) -> None:
    outcome = bench.sh(f"echo before; kill -{int(number)} $$", pty=pty)
    assert (outcome.rc, outcome.out.split()) == (-number, [b"before"])


@pytest.mark.parametrize("pty", [False, True])
def test_a_command_that_leaves_a_child_in_the_background(bench: Bench, pty: bool) -> None:
    path = bench.folder / "pid"
    outcome = bench.sh(f"trap '' HUP; sleep 600 & echo $! > {path}", pty=pty)
    assert outcome.rc == 0
    end(read_pid(path))


@pytest.mark.parametrize("pty", [False, True])
def test_kill_ends_the_whole_process_group(bench: Bench, pty: bool) -> None:
    files = [bench.folder / name for name in ("leader", "child")]
    run = bench.start_command(
        ["sh", "-c", f"echo $$ > {files[0]}; sh -c 'echo $$ > {files[1]}; exec sleep 600'; true"], pty=pty
    )
    pids = [read_pid(path) for path in files]
    run.kill()
    assert run.result().rc == -signal.SIGKILL
    eventually(lambda: not any(map(alive, pids)), "the end of the group")


def test_output_before_a_kill_is_kept(bench: Bench) -> None:
    path = bench.folder / "pid"
    run = bench.start_command(["sh", "-c", f"echo some; echo $$ > {path}; exec sleep 600"])
    read_pid(path)
    run.kill()
    outcome = run.result()
    assert (outcome.rc, outcome.out) == (-signal.SIGKILL, b"some\n")


def test_fifty_at_once(bench: Bench) -> None:
    runs = [bench.start_command(["sh", "-c", f"echo {number}; exit {number}"]) for number in range(50)]
    outcomes = [run.result() for run in runs]
    assert [(outcome.rc, outcome.out) for outcome in outcomes] == [(n, b"%d\n" % n) for n in range(50)]


def test_nothing_is_kept_of_what_has_ended(bench: Bench) -> None:
    bench.command(["true"])
    zygote = bench.zygote()._process.pid
    before = len(os.listdir(f"/proc/{zygote}/fd"))
    for _ in range(30):
        bench.sh("echo x; echo y >&2", b"stdin")
        bench.sh("echo x", pty=True)
    assert len(os.listdir(f"/proc/{zygote}/fd")) == before
    assert not Path(f"/proc/{zygote}/task/{zygote}/children").read_text().split()


# -- the process as the command finds it


@pytest.mark.parametrize("pty", [False, True])
def test_a_command_finds_the_signals_of_a_new_login(bench: Bench, pty: bool) -> None:
    """An ignored SIGPIPE or SIGXFSZ, which Python itself has, would be inherited by all it starts.

    Signals 32 and 33 are the C library's own, and nobody can set them back. What whoever runs the tests ignores besides
    (nohup, a shell's background) is inherited.
    """
    outcome = bench.command(["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"], pty=pty)
    looked_at = signal.valid_signals() - inherited_as_ignored()
    for line in outcome.out.decode().splitlines():
        mask = int(line.split()[1], 16)
        assert {number for number in looked_at if mask >> (number - 1) & 1} == set(), outcome.out


@pytest.mark.parametrize("pty", [False, True])
def test_a_command_holds_no_descriptor_of_the_zygote(bench: Bench, pty: bool) -> None:
    path = bench.folder / "pid"
    other = bench.start_command(["sh", "-c", f"echo $$ > {path}; exec sleep 600"], b"x")
    read_pid(path)
    outcome = bench.command(["ls", "/proc/self/fd"], pty=pty)
    other.kill()
    other.result()
    assert outcome.out.split() == [b"0", b"1", b"2", b"3"]  # 3 lists the folder itself


# -- terminals


def test_a_terminal(bench: Bench) -> None:
    outcome = bench.sh("test -t 0 && test -t 1 && test -t 2 && tty; echo err >&2; exit 5", pty=True)
    assert outcome.rc == 5
    assert outcome.out.startswith(b"/dev/pts/")
    assert outcome.out.endswith(b"\r\nerr\r\n")
    assert outcome.err == b""


def test_a_terminal_is_the_controlling_one(bench: Bench) -> None:
    assert bench.sh("echo x > /dev/tty", pty=True).out == b"x\r\n"


def test_much_output_on_a_terminal(bench: Bench) -> None:
    outcome = bench.sh("yes 0123456789 | head -n 100000", pty=True)
    assert outcome.out == b"0123456789\r\n" * 100_000


@pytest.mark.parametrize("argv", [["rm", "/no/such/file"], ["/bin/bash", "-c", "true; rm /no/such/file"]], ids=" ".join)
def test_commands_on_a_terminal_end_by_themselves(bench: Bench, argv: list[str]) -> None:
    """Programs close all three descriptors before they exit; a terminal that is hung up then would kill them."""
    assert [bench.command(argv, pty=True).rc for _ in range(40)] == [1] * 40


def test_a_process_that_closes_its_terminal_and_goes_on(bench: Bench) -> None:
    path = bench.folder / "done"
    outcome = bench.sh(f"echo x; exec </dev/null >/dev/null 2>&1; sleep 0.2; echo $$ > {path}; exit 6", pty=True)
    assert (outcome.rc, outcome.out) == (6, b"x\r\n")
    assert path.exists()


def test_reading_from_a_terminal_is_killed_not_endless(bench: Bench) -> None:
    path = bench.folder / "pid"
    run = bench.start_command(["sh", "-c", f"echo $$ > {path}; read answer"], pty=True)
    pid = read_pid(path)
    assert alive(pid)
    run.kill()
    assert run.result().rc == -signal.SIGKILL
