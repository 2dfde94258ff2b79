# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The programs in docs/services.md run and print what the page says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def test_the_whole_programs(tmp_path: Path) -> None:
    page = (CHECKOUT / "docs" / "services.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, re.S)
    program = next(block for block in blocks if "__main__" in block)
    fakes = next(block for block in blocks if "FakeNetwork" in block)
    path = tmp_path / "program.py"
    imports = "from ansible_svc.service.testing import FakeNetwork\n"
    path.write_text(imports + program + "".join(f"    {line}\n" for line in fakes.splitlines()))
    run = subprocess.run(
        [sys.executable, path],
        capture_output=True,
        text=True,
        timeout=60,
        env={"PYTHONPATH": str(CHECKOUT)},
        check=False,
    )
    assert run.returncode == 0, run.stderr
    for line in run.stdout.splitlines():
        assert f"`{line}`" in page
    assert run.stdout.splitlines()[0] == "{'text': 'hello world', 'raw': b'\\xff'}"
