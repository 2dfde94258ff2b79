# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""Hold svc_linear to what linear does: the same events, output, exit code and files for the same playbook."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tests.integration.outputs import assert_same_lines
from tests.integration.twin import EXAMPLES, PLAYBOOKS, both, inventory
from tests.lab import Lab


@dataclass(frozen=True)
class Family:
    """Describe how one playbook is run and what of it needs more than svc_linear runs natively.

    reasons: see Outcome.assert_native. hosts: three where it matters who is first, last and in between.
    """

    book: str
    hosts: int = 2
    args: tuple[str, ...] = ()
    reasons: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "-".join([self.book, *(arg.strip("-") for arg in self.args)])


FAMILIES = [
    Family("actions", reasons=("its action is a template",)),
    Family("any_errors_fatal", hosts=3),
    Family("async"),
    Family("blocks", hosts=3),
    Family("check_diff", args=("--check", "--diff")),
    Family("check_diff", args=("--diff",)),
    Family("delegation", hosts=3),
    Family("environment"),
    Family("facts"),
    Family("files", args=("--diff",)),
    Family("handlers", hosts=3),
    Family("handlers", args=("--force-handlers",)),
    # When hosts include different files, linear takes the files in the order in which the hosts answer.
    Family("includes", hosts=3, args=("--forks", "1")),
    Family("loops"),
    Family("max_fail_percentage", hosts=3),
    Family("meta", hosts=3),
    Family("no_log", args=("--diff", "-vv")),
    Family("roles", hosts=3),
    Family("run_once", hosts=3),
    Family("serial", hosts=3),
    Family("templates"),
    Family("throttle", hosts=3),
    Family("variables", hosts=3),
    Family("verdicts", reasons=("wait_for_connection", "pause")),
    Family("tiny", args=("--tags", "say")),
    Family("tiny", args=("--tags", "rarely,run")),
    Family("tiny", args=("--skip-tags", "always")),
    Family("tiny", hosts=3, args=("--limit", "host02,host03")),
    Family("tiny", args=("--start-at-task", "Run one command")),
    Family("tiny", args=("-v",)),
    Family("tiny", args=("--forks", "1")),
]


@pytest.mark.parametrize("family", FAMILIES, ids=str)
def test_family_of_features(lab: Lab, family: Family) -> None:
    pair = both(lab, PLAYBOOKS / f"{family.book}.yml", inventory(lab, family.hosts), args=family.args)
    pair.assert_equal()
    pair.assert_native(*family.reasons)


@pytest.mark.parametrize("args", [("--list-tasks",), ("--list-hosts",), ("--syntax-check",), ("--limit", "nobody")])
def test_nothing_is_run(lab: Lab, args: tuple[str, ...]) -> None:
    pair = both(lab, PLAYBOOKS / "tiny.yml", inventory(lab, 2), args=args)
    assert pair.stock.run.rc == pair.ours.run.rc
    assert_same_lines(pair.stock.run.stdout, pair.ours.run.stdout, "standard output")
    assert_same_lines(pair.stock.run.stderr, pair.ours.run.stderr, "standard error")


@pytest.mark.timeout(400)
def test_the_example_playbook_on_ten_hosts(lab: Lab) -> None:
    hosts = inventory(lab, 10, ansible_python_interpreter=None, **_somebody(lab))
    args = (
        "--vault-password-file",
        str(EXAMPLES / "vault-password"),
        "-e",
        "controller_workdir={{ hostvars[groups.lab[0]].shared_dir }}/build",
    )
    pair = both(lab, EXAMPLES / "site.yml", hosts, args=args, timeout_s=300)
    assert pair.stock.run.rc == 0, pair.stock.run
    pair.assert_equal()
    pair.assert_native()


def _somebody(lab: Lab) -> dict[str, str]:
    """Name a user to become, when the lab has users to become."""
    return {"become_to": "svclab1"} if lab.accounts else {}
