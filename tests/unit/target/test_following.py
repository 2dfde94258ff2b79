# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What follows a module is chosen by what it said."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_svc.target.following import chosen

OUT = b'{"changed": false, "stat": {"exists": true, "isdir": false, "checksum": "abc"}}\n'


@pytest.mark.parametrize(
    ("when", "follows"),
    [
        ([], True),
        ([[["stat", "exists"], True, True]], True),
        ([[["stat", "exists"], True, False]], False),
        ([[["stat", "checksum"], True, "abc"]], True),
        ([[["stat", "checksum"], False, "abc"]], False),
        ([[["stat", "checksum"], False, "abd"]], True),
        ([[["stat", "exists"], True, True], [["stat", "isdir"], True, True]], False),
        # What is not there neither equals nor differs.
        ([[["stat", "mode"], True, None]], False),
        ([[["stat", "mode"], False, "0644"]], False),
        ([[["stat", "exists", "deeper"], False, 1]], False),
        ([[["other"], False, 1]], False),
    ],
)
def test_all_conditions_have_to_hold(when: list[Any], follows: bool) -> None:
    assert chosen([{"when": when}], OUT) == (0 if follows else None)


def test_the_first_that_fits_follows() -> None:
    steps = [{"when": [[["stat", "exists"], True, value]]} for value in (False, True, True)]
    assert chosen(steps, OUT) == 1


@pytest.mark.parametrize("out", [b"", b"no json", b"[1]", b'"text"', OUT + b"and more"])
def test_nothing_follows_what_cannot_be_read(out: bytes) -> None:
    assert chosen([{"when": [[["stat", "exists"], True, True]]}], out) is None
