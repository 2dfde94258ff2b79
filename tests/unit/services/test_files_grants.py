# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Who may fetch what, held against a model."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from ansible_svc.services.files_grants import GrantTable

contexts = st.integers(1, 3)
digests = st.sampled_from("abc")


class GrantMachine(RuleBasedStateMachine):
    """Grant and revoke in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.held: set[str] = set()
        self.table = GrantTable(self.hold, self.held.remove)
        self.model: Counter[tuple[int, str]] = Counter()

    def hold(self, digest: str) -> None:
        assert digest not in self.held
        self.held.add(digest)

    @rule(context=contexts, digest=digests)
    def grant(self, context: int, digest: str) -> None:
        self.table.grant(context, digest)
        self.model[context, digest] += 1

    @rule(context=contexts, digest=digests)
    def revoke(self, context: int, digest: str) -> None:
        if self.model[context, digest]:
            self.table.revoke(context, digest)
            self.model[context, digest] -= 1
        else:
            with pytest.raises(ValueError, match="no grant"):
                self.table.revoke(context, digest)

    @invariant()
    def agrees_with_the_model(self) -> None:
        granted = {pair for pair, count in self.model.items() if count}
        assert len(self.table) == len(granted)
        for context in (1, 2, 3):
            for digest in "abc":
                assert self.table.allows(context, digest) is ((context, digest) in granted)
        assert {digest for digest in "abc" if self.table.is_granted(digest)} == self.held
        assert self.held == {digest for _context, digest in granted}


TestGrantMachine = GrantMachine.TestCase


def test_a_refused_hold_refuses_the_grant() -> None:
    def refuse(digest: str) -> None:
        raise LookupError(digest)

    table = GrantTable(refuse, lambda _digest: None)
    with pytest.raises(LookupError):
        table.grant(1, "a")
    assert not table.allows(1, "a")
    assert not table.is_granted("a")
    assert len(table) == 0
