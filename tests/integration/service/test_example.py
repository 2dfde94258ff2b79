# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The example program does what it says, over a real sshd, in both forms."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from tests.lab import Lab

PROGRAM = Path(__file__).resolve().parents[3] / "examples" / "file_service.py"


def test_a_host_downloads_files_by_name_and_by_handle(lab: Lab, tmp_path: Path) -> None:
    small, large = tmp_path / "small", tmp_path / "large"
    small.write_bytes(b"\xff\x00small")
    large.write_bytes(b"0123456789abcdef" * 250_000)
    missing = tmp_path / "missing"
    run = subprocess.run(
        [
            sys.executable,
            PROGRAM,
            f"--host={lab.hosts(1)[0].address}",
            f"--port={lab.sshd.port}",
            f"--user={lab.user}",
            f"--identity-file={lab.sshd.client_key}",
            f"--known-hosts={lab.sshd.known_hosts}",
            small,
            missing,
            large,
        ],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(PROGRAM.parents[1]), "PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert len(lines) == 6, run.stdout
    for form, told in (("by name", lines[:3]), ("by handle", lines[3:])):
        for path, line in zip((small, missing, large), told, strict=True):
            if path is missing:
                assert line.startswith(f"{form}: {path}: error: ")
                assert "No such file" in line
            else:
                data = path.read_bytes()
                digest = hashlib.sha256(data).hexdigest()
                assert line == f"{form}: {path}: {len(data)} bytes, sha256 {digest}"
    assert str(large) in run.stderr
