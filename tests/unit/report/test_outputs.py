# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""What is said of a run, in its three forms."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace

import pytest

from ansible_svc.report.page import document, page
from ansible_svc.report.record import Play, Record
from ansible_svc.report.summary import summarise
from ansible_svc.report.table import size, table
from ansible_svc.report.trace import trace
from tests.unit.report.sample import large, small
from tests.unit.report.trace_format import problems


def test_summary() -> None:
    summary = summarise(small())
    assert [(cost.task, cost.hosts, cost.wall_s, cost.slowest_host, cost.slowest_s) for cost in summary.tasks] == [
        (0, 2, 2.0, "web2", 1.5),
        (1, 2, 1.0, "web10", 1.0),
    ]
    assert [(cost.host, cost.tasks, round(cost.busy_s, 6)) for cost in summary.hosts] == [
        ("web10", 2, 2.4),
        ("web2", 2, 2.0),
    ]
    assert summary.reasons == {("forked", "it is pause"): 1}
    assert summary.phases["run"] == pytest.approx(2.25)
    assert sum(summary.phases.values()) == pytest.approx(sum(bar.end_s - bar.begin_s for bar in small().host_tasks))


def test_table() -> None:
    record = small()
    text = "\n".join(table(record, summarise(record)))
    for part in (
        "run         3.00 s   2 tasks, 4 host-tasks",
        "ran         3 native, 1 forked, 0 stock",
        "            1 forked: it is pause",
        "connections 2   3 attempts, 1 lost, 4 closed",
        "round trips 4   1.2 MB sent",
        "modules     2 built   shared by 3 runs",
        "files       1 read   delivered 2 times",
    ):
        assert part in text
    assert re.search(r"^ +Ping </script> +2\.00 s +1\.50 s  web2$", text, re.MULTILINE)
    assert re.search(r"^ +web10 +2\.40 s +0\.50 s  2 tasks$", text, re.MULTILINE)
    assert "strategy that is not svc's" not in text


def test_table_of_a_run_that_was_not_ours() -> None:
    record = Record("site.yml", 0.0, 9.0, (Play("Web servers", "linear", False, 1.0, 8.5),))
    lines = table(record, summarise(record))
    assert lines[0] == "Of plays under a strategy that is not svc's, only the times of the plays are known:"
    assert [line.split() for line in lines[1:]] == [["Web", "servers", "7.50", "s", "linear"]]


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 KB"), (10**6, "1.0 MB"), (5 * 10**12, "5000.0 GB")],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


@pytest.mark.parametrize("record", [small(), large(7, 30)], ids=["small", "large"])
def test_trace_is_in_the_format_and_complete(record: Record) -> None:
    read = json.loads(json.dumps(trace(record)))
    assert problems(read) == []
    events = read["traceEvents"]
    assert sum(event.get("cat") == "host-task" for event in events) == len(record.host_tasks)
    phases = [event for event in events if event.get("cat") == "phase"]
    assert len(phases) == sum(len(bar.segments) for bar in record.host_tasks)
    total = sum(event["dur"] for event in events if event.get("cat") == "host-task")
    assert sum(event["dur"] for event in phases) == total


def test_trace_says_what_happened() -> None:
    events = trace(small())["traceEvents"]
    (failed,) = [event for event in events if event["args"].get("status") == "failed"]
    assert failed["name"] == "Pause"
    assert (failed["ts"], failed["dur"]) == (2_000_000, 1_000_000)
    assert failed["args"]["reason"] == "it is pause"
    track = [e["args"]["name"] for e in events if e["name"] == "thread_name" and e["tid"] == failed["tid"]]
    assert "web10" in track


@pytest.mark.parametrize("change", [{"dur": -1}, {"ts": 1.5}, {"ph": "Q"}, {"pid": None}, {"dur": 1_800_000}], ids=str)
def test_the_check_of_the_format_finds_what_is_wrong(change: dict[str, object]) -> None:
    read = json.loads(json.dumps(trace(small())))
    phases = [event for event in read["traceEvents"] if event.get("cat") == "phase"]
    phases[1].update(change)
    assert problems(read)


def test_bars_say_what_the_record_says() -> None:
    record = large(11, 5)
    data = document(record, summarise(record))
    assert data["hosts"] == sorted(data["hosts"])
    seen = 0
    for host, bars in zip(data["hosts"], data["bars"], strict=True):
        ours = [bar for bar in record.host_tasks if bar.host == host]
        assert len(bars) == len(ours)
        for found, wanted in zip(bars, ours, strict=True):
            task, way, reason, status, begin, *phases = found
            assert (task, data["ways"][way], data["reasons"][reason]) == (wanted.task, wanted.way, wanted.reason)
            assert data["statuses"][status] == wanted.status
            assert begin + sum(phases[1::2]) == pytest.approx(wanted.end_s * data["units"], abs=1)
            assert [data["phases"][phase] for phase in phases[::2]] == [part.phase for part in wanted.segments]
            seen += 1
    assert seen == len(record.host_tasks)


def test_hosts_are_sorted_as_people_count() -> None:
    assert document(small(), summarise(small()))["hosts"] == ["web2", "web10"]


def test_page_is_one_file_that_loads_nothing_and_runs_nothing_of_others() -> None:
    record = replace(small(), title="<img src=x onerror=alert(1)> @@DATA@@")
    text = page(record, summarise(record))
    assert "<img" not in text
    assert text.count("</script>") == 2
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', text)
    assert policy is not None
    assert policy.group(1).startswith("default-src 'none'; ")
    for element in ("style", "script"):
        body = re.findall(rf"<{element}>(.*?)</{element}>", text, re.DOTALL)
        assert len(body) == 1
        digest = base64.b64encode(hashlib.sha256(body[0].encode()).digest()).decode()
        assert f"{element}-src 'sha256-{digest}'" in policy.group(1)
    # Nothing that makes a browser fetch (CSS url(), src, href); XML namespaces and comments are no addresses either.
    assert not re.search(r"url\(|\bsrc=|\bhref=|@import|fetch\(|XMLHttpRequest", text.replace("src=x", ""))


def test_page_holds_the_data() -> None:
    record = small()
    text = page(record, summarise(record))
    data = re.search(r'<script type="application/json" id="data">(.*?)</script>', text, re.DOTALL)
    assert data is not None
    read = json.loads(data.group(1))
    assert read["tasks"][0][0] == "Ping </script>"
    assert read == json.loads(json.dumps(document(record, summarise(record))))


def test_a_large_run_makes_a_page_of_reasonable_size() -> None:
    record = large(50, 200)
    assert len(record.host_tasks) == 10_000
    assert len(page(record, summarise(record))) < 1_200_000
