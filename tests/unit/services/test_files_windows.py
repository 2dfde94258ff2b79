# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Check that all transfers together have little on their way."""

from __future__ import annotations

from contextlib import ExitStack

from ansible_svc.services.files_windows import NARROWEST, WIDEST, Windows


def test_many_transfers_have_narrow_windows() -> None:
    windows = Windows()
    with ExitStack() as transfers:
        widths = [transfers.enter_context(windows.share()) for _ in range(10)]
    assert widths == [16, 8, 5, 4, 3, 2, 2, 2, 2, 2]
    with windows.share() as widest:
        assert widest == WIDEST, "the others are over"
    assert min(widths) == NARROWEST
