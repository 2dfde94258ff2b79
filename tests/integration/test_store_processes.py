# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Many processes on one cache directory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ansible_svc.store import DiskStore, digest_bytes

LIMIT_BYTES = 200_000
CHECKOUT = Path(__file__).resolve().parents[2]

# Puts, gets and breaks blobs in an order of its own; answers with how often it found the right content.
WORK = f"""
import os, random, sys
from ansible_svc.store import DiskStore
from ansible_svc.store.digests import digest_bytes
seed, directory = int(sys.argv[1]), sys.argv[2]
chance = random.Random(seed)
reports = []
store = DiskStore(directory, {LIMIT_BYTES}, reports.append)
contents = [bytes([number]) * (number * 400) for number in range(1, 60)]
found = 0
for turn in range(1500):
    content = chance.choice(contents)
    action = chance.random()
    if action < 0.45:
        store.put(content)
    elif action < 0.97:
        got = store.get(digest_bytes(content))
        assert got in (None, content), "something else was read"
        found += got is not None
    else:
        try:
            with open(os.path.join(directory, digest_bytes(content)), "r+b") as stream:
                stream.write(b"broken")
        except FileNotFoundError:
            pass
assert all("is not blob" in report for report in reports), reports
print(found)
"""


def test_processes_share_a_directory_without_locks(tmp_path: Path) -> None:
    directory = tmp_path / "blobs"
    workers = [
        subprocess.Popen(
            [sys.executable, "-c", WORK, str(seed), str(directory)],
            cwd=CHECKOUT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for seed in range(4)
    ]
    results = [worker.communicate(timeout=100) for worker in workers]
    assert [worker.returncode for worker in workers] == [0] * 4, results
    assert all(int(output) > 100 for output, _ in results)
    names = os.listdir(directory)
    assert not [name for name in names if name.startswith(".")]
    assert sum((directory / name).stat().st_size for name in names) <= LIMIT_BYTES * (1 + 4 / 16)
    again = DiskStore(directory, LIMIT_BYTES, lambda _text: None)
    assert any(again.get(name) is not None for name in names)


def test_a_writer_that_is_killed_leaves_no_blob(tmp_path: Path) -> None:
    code = """
import os, signal, sys
from ansible_svc.store import DiskStore
write = os.write
def write_and_die(descriptor, data):
    write(descriptor, data[:3])
    os.kill(os.getpid(), signal.SIGKILL)
os.write = write_and_die
DiskStore(sys.argv[1], 1000).put(b"content")
"""
    worker = subprocess.run([sys.executable, "-c", code, str(tmp_path / "blobs")], cwd=CHECKOUT, check=False)
    assert worker.returncode == -9
    store = DiskStore(tmp_path / "blobs", 1000)
    assert store.get(digest_bytes(b"content")) is None
    store.put(b"content")
    assert store.get(digest_bytes(b"content")) == b"content"
