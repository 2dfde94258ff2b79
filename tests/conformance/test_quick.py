# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Run the quick subset as tests: `pytest tests/conformance -m conformance`.

The same as `python -m tests.conformance run --subset quick`, for those who want pytest's reports.
"""

from __future__ import annotations

import os
import sys

import pytest

from tests.conformance import image, selection
from tests.conformance.results import Result
from tests.conformance.runner import Limits, Runner
from tests.conformance.source import cache_dir, own_version
from tests.conformance.strategies import STOCK
from tests.conformance.suite import Suite

STRATEGY = "svc_linear"
LIMITS = Limits(time_limit_s=300.0)


def in_silence(result: Result) -> None:
    """Take a result that pytest reports anyway."""


@pytest.fixture(scope="module")
def suite() -> Suite:
    if os.geteuid() != 0:
        pytest.skip("private hosts need root")
    cache = cache_dir()
    return Suite.read(image.build(own_version(), sys.executable, cache))


# Stock, an image to build and the strategy: each target is bounded by LIMITS, the image by pip's limit.
@pytest.mark.timeout(1800)
@pytest.mark.conformance
@pytest.mark.parametrize("name", selection.subset("quick"))
def test_what_passes_under_stock_passes_under_svc(suite: Suite, name: str) -> None:
    if name not in suite.targets:
        pytest.skip(f"ansible-core {suite.image.core} has no such target")
    runner = Runner(suite, cache_dir(), LIMITS, in_silence)
    stock = runner.results(STOCK).results.get(name)
    if stock is None:
        stock = runner.run([name], STOCK)[name]
    if not stock.passed:
        pytest.skip("stock does not pass it here")
    result = runner.run([name], STRATEGY)[name]
    assert result.passed, "\n".join([result.log, *result.excerpt])
