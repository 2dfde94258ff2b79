# Copyright: (c) 2026, The ansible_svc project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
"""The callback plugin profile beside real runs, and its page in a real browser."""

from __future__ import annotations

import json
import struct
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from ansible_svc.engine.probe import PHASES
from ansible_svc.report.page import page
from ansible_svc.report.summary import summarise
from tests.integration import browser
from tests.integration.needs import EVERYTHING, lacking
from tests.integration.twin import inventory
from tests.lab import Lab, RunResult
from tests.unit.report.sample import large
from tests.unit.report.trace_format import problems

HOSTS = 2
MARK = "SVC PROFILE **"
SAME_USER = {"become": True, "become_method": "su", "become_user": "{{ ansible_user }}"}
BOOK = [
    {
        "name": "Ways",
        "hosts": "all",
        "gather_facts": False,
        "tasks": [
            {"name": "Native", "command": "sleep 0.1", "loop": [1, 2]},
            {"name": "Skipped", "command": "echo", "when": False},
            {"name": "Forked", "wait_for_connection": {}},
            {"name": "Stock", "command": "echo", **SAME_USER},
            {"name": "Failed", "command": "false", "ignore_errors": True},
            {"name": "Copied", "copy": {"content": "{{ inventory_hostname }}", "dest": "{{ workdir }}/file"}},
        ],
    }
]
TASKS = [task["name"] for task in BOOK[0]["tasks"]]  # type: ignore[index]
SHORT = [{**BOOK[0], "tasks": [task for task in BOOK[0]["tasks"] if task["name"] in ("Skipped", "Forked", "Failed")]}]  # type: ignore[index]


@dataclass
class Profiled:
    """Hold a run and what the callback and the strategy wrote."""

    run: RunResult
    trace: dict[str, Any]
    html: str
    statistics: dict[str, Any]

    def events(self, category: str) -> list[dict[str, Any]]:
        return [event for event in self.trace["traceEvents"] if event.get("cat") == category]


def _run(lab: Lab, directory: Path, strategy: str, name: str, book: Any = SHORT, **options: Any) -> Profiled:
    paths = {key: directory / f"{strategy}.{key}" for key in ("trace", "html", "stats")}
    cfg = lab.ansible_cfg(
        strategy=strategy,
        callbacks_enabled=f"jsonlines, {name}",
        sections={
            "svc": {
                "stats_file": paths["stats"],
                "profile_trace": paths["trace"],
                "profile_html": paths["html"],
                "profile_table": options.pop("table", "stdout"),
            }
        },
        deprecation_warnings=False,
        **options,
    )
    run = lab.run_playbook(book, inventory(lab, HOSTS), cfg)
    assert run.rc == 0, run
    assert "callback" not in run.stderr.lower(), run
    return Profiled(
        run,
        json.loads(paths["trace"].read_text()),
        paths["html"].read_text(),
        json.loads(paths["stats"].read_text()) if paths["stats"].exists() else {},
    )


@pytest.fixture(scope="module")
def linear(lab: Lab, tmp_path_factory: pytest.TempPathFactory) -> Profiled:
    return _run(lab, tmp_path_factory.mktemp("profile"), "svc_linear", "ansible_svc.svc.profile", BOOK)


def test_table_and_statistics_know_the_same_numbers(linear: Profiled) -> None:
    told = linear.run.stdout.partition(MARK)[2]
    tasks, modules = linear.statistics["tasks"], linear.statistics["modules"]
    assert (tasks["native"], tasks["forked"], tasks["stock"]) == (4 * HOSTS, HOSTS, HOSTS)
    for part in (
        f"{len(TASKS)} tasks, {len(TASKS) * HOSTS} host-tasks",
        f"{4 * HOSTS} native, {HOSTS} forked, {HOSTS} stock",
        f"{HOSTS} stock: become plugin su is not one that svc takes over",
        f"{HOSTS} forked: action plugin wait_for_connection is not known to be safe on threads",
        f"round trips {linear.statistics['round_trips']} ",
        f"modules     {modules['built']} built   shared by {modules['used']} runs",
        f"connections {HOSTS} ",
    ):
        assert part in told, linear.run


def test_the_table_comes_after_everything_that_ansible_prints(linear: Profiled) -> None:
    before, mark, _table = linear.run.stdout.partition(MARK)
    assert mark
    assert before.index("PLAY RECAP") > before.index(f"TASK [{TASKS[-1]}]")


def test_trace_has_every_host_task_in_its_phases(linear: Profiled) -> None:
    assert problems(linear.trace) == []
    ended = Counter((event["name"], event["args"].get("status")) for event in linear.events("host-task"))
    assert ended == {
        ("Native", "changed"): HOSTS,
        ("Skipped", "skipped"): HOSTS,
        ("Forked", "ok"): HOSTS,
        ("Stock", "changed"): HOSTS,
        ("Failed", "failed"): HOSTS,
        ("Copied", "changed"): HOSTS,
    }
    by_way = Counter(event["args"]["way"] for event in linear.events("host-task"))
    assert {way: by_way[way] for way in by_way} == {"native": 4 * HOSTS, "forked": HOSTS, "stock": HOSTS}
    for event in linear.events("host-task"):
        phases = _phases(linear, event)
        match event["name"]:
            case "Native":
                # The first task connects; each item of the loop slept on the host.
                assert set(phases) >= set(PHASES) - {"queue"}, phases
                assert phases["run"] >= 200_000, phases
            case "Failed":
                assert set(phases) >= {"send", "run", "receive"}, phases
            case "Skipped":
                assert not {"connect", "send", "run"} & set(phases), phases
            case "Stock":
                assert set(phases) <= {"queue", "run"}, phases


def _phases(profiled: Profiled, host_task: dict[str, Any]) -> Counter[str]:
    begin, end = host_task["ts"], host_task["ts"] + host_task["dur"]
    took: Counter[str] = Counter()
    for event in profiled.events("phase"):
        if event["tid"] == host_task["tid"] and begin <= event["ts"] and event["ts"] + event["dur"] <= end:
            took[event["name"]] += event["dur"]
    return took


@pytest.mark.parametrize("strategy", ["svc_free", "svc_host_pinned"])
def test_other_strategies_of_ours_by_the_short_name(lab: Lab, tmp_path: Path, strategy: str) -> None:
    found = _run(lab, tmp_path, strategy, "profile")
    assert problems(found.trace) == []
    ended = Counter((event["name"], event["args"]["way"]) for event in found.events("host-task"))
    assert ended == {("Skipped", "native"): HOSTS, ("Forked", "forked"): HOSTS, ("Failed", "native"): HOSTS}
    assert f"{2 * HOSTS} native, {HOSTS} forked, 0 stock" in found.run.stdout


@pytest.mark.parametrize(
    ("stdout_callback", "said"),
    [
        ("default", ["TASK [Failed]", "ok: [host01]", "skipping: [host01]", "fatal: [host01]: FAILED! =>"]),
        ("minimal", ["host01 | SUCCESS => {", "host01 | SKIPPED", "host01 | FAILED | rc=1 >>"]),
        ("oneline", ["host01 | SUCCESS => {", "host01 | SKIPPED", "host01 | FAILED | rc=1 | (stdout)"]),
    ],
)
def test_beside_stdout_callbacks(lab: Lab, tmp_path: Path, stdout_callback: str, said: list[str]) -> None:
    found = _run(lab, tmp_path, "svc_linear", "ansible_svc.svc.profile", stdout_callback=stdout_callback)
    before, mark, table = found.run.stdout.partition(MARK)
    assert mark, found.run
    for part in said:
        assert part in before, found.run
    assert ("PLAY RECAP" in before) == (stdout_callback == "default"), found.run
    assert f"{2 * HOSTS} native, {HOSTS} forked, 0 stock" in table, found.run
    assert problems(found.trace) == []
    ended = Counter((event["name"], event["args"]["way"]) for event in found.events("host-task"))
    assert ended == {("Skipped", "native"): HOSTS, ("Forked", "forked"): HOSTS, ("Failed", "native"): HOSTS}


def test_under_linear_only_the_times_of_plays_are_known(lab: Lab, tmp_path: Path) -> None:
    found = _run(lab, tmp_path, "linear", "ansible_svc.svc.profile", table="stderr", stdout_callback="minimal")
    assert MARK not in found.run.stdout
    told = found.run.stderr.partition(MARK)[2]
    assert "Of plays under a strategy that is not svc's, only the times of the plays are known" in told
    assert "Ways" in told
    assert "host-tasks" not in told
    assert found.statistics == {}
    assert problems(found.trace) == []
    assert [event["name"] for event in found.events("play")] == ["Ways"]
    assert found.events("host-task") == []
    assert '"bars":[]' in found.html


# the page


@pytest.fixture
def chromium(tmp_path: Path) -> Iterator[browser.Browser]:
    program = browser.find()
    if program is None:
        lacking("there is no Chromium here (on Debian: apt install chromium)")
    with browser.Browser(program, tmp_path / "chromium") as chromium:
        yield chromium


def _text(chromium: browser.Browser, selector: str) -> str:
    return str(chromium.evaluate(f"document.querySelector('{selector}').textContent"))


def _colours(chromium: browser.Browser) -> set[str]:
    """Return the phases whose colour is somewhere on the canvas."""
    return set(
        chromium.evaluate(
            """(() => {
              const canvas = document.getElementById("rows"), style = getComputedStyle(document.documentElement);
              const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
              const seen = new Set();
              for (let at = 0; at < pixels.length; at += 4) seen.add(pixels.slice(at, at + 3).join());
              const rgb = (hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join();
              return JSON.parse(document.getElementById("data").textContent).phases
                .filter((phase) => seen.has(rgb(style.getPropertyValue(`--${phase}`).trim())));
            })()"""
        )
    )


def test_page_shows_ten_thousand_host_tasks(chromium: browser.Browser, tmp_path: Path) -> None:
    record = large(50, 200)
    path = tmp_path / "page.html"
    path.write_text(page(record, summarise(record)), encoding="utf-8")
    chromium.open(path)
    chromium.settle()
    assert "50 hosts · 200 tasks · 10,000 host-tasks" in _text(chromium, "#facts")
    assert {"connect", "run"} <= _colours(chromium)

    # By keyboard alone: choose the second task of the second host and zoom to it.
    chromium.evaluate("document.getElementById('rows').focus()")
    for key in ("ArrowRight", "ArrowRight", "ArrowDown", "Enter"):
        chromium.press(key)
    assert _text(chromium, "#selected").startswith("host02: Task 001. ")
    assert {"template", "send", "run", "receive"} <= _colours(chromium)
    chromium.press("0")
    chromium.press("Escape")
    assert _text(chromium, "#selected") == ""

    # A phase can be left out.
    chromium.evaluate("document.querySelector('[data-phase=run]').click()")
    chromium.settle()
    assert "run" not in _colours(chromium)
    assert chromium.evaluate("document.querySelector('[data-phase=run]').getAttribute('aria-pressed')") == "false"
    chromium.evaluate("document.querySelector('[data-phase=run]').click()")

    # The tooltip is text, whatever a task is called.
    chromium.mouse("mouseMoved", *_middle_of_first_bar(chromium))
    assert not chromium.evaluate("document.getElementById('tip').hidden")
    assert _text(chromium, "#tip").startswith("host01: Task 000\n")

    # The search narrows hosts and dims tasks.
    chromium.evaluate("host.value = 'T07'; host.dispatchEvent(new Event('input'))")
    chromium.evaluate("task.value = 'task 01'; task.dispatchEvent(new Event('input'))")
    chromium.settle()
    assert _text(chromium, "#found") == "1 of 50 hosts, 10 of 200 tasks"
    assert chromium.evaluate("document.getElementById('rows').clientHeight") < 30

    # Both themes.
    backs = []
    for theme in ("light", "dark"):
        chromium.send("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": theme}])
        backs.append(chromium.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backs == ["rgb(255, 255, 255)", "rgb(20, 23, 28)"]
    chromium.evaluate("theme.click()")
    assert chromium.evaluate("getComputedStyle(document.body).backgroundColor") == backs[0]
    assert chromium.complaints() == []


def _middle_of_first_bar(chromium: browser.Browser) -> tuple[float, float]:
    left, top = chromium.evaluate(
        "(() => { const at = document.getElementById('rows').getBoundingClientRect(); return [at.x, at.y]; })()"
    )
    return left + 134, top + 9


def test_page_of_a_real_run(chromium: browser.Browser, linear: Profiled, tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    path.write_text(linear.html, encoding="utf-8")
    chromium.open(path)
    chromium.settle()
    assert f"{HOSTS} hosts · {len(TASKS)} tasks · {len(TASKS) * HOSTS} host-tasks" in _text(chromium, "#facts")
    assert _text(chromium, "#table") in linear.run.stdout
    assert {"connect", "run"} <= _colours(chromium)
    assert chromium.complaints() == []
    picture = tmp_path / "page.png"
    chromium.screenshot(picture)
    _is_a_picture(picture.read_bytes(), chromium.size)


def _is_a_picture(png: bytes, size: tuple[int, int]) -> None:
    """Check signature, header (https://www.w3.org/TR/png-3/#11IHDR) and size of a PNG, and that something is on it."""
    assert png[:16] == b"\x89PNG\r\n\x1a\n" + struct.pack(">I4s", 13, b"IHDR")
    assert struct.unpack(">II", png[16:24]) == size
    at, kind, pixels = 8, b"", b""
    while at < len(png):
        length, kind = struct.unpack(">I4s", png[at : at + 8])
        if kind == b"IDAT":
            pixels += png[at + 8 : at + 8 + length]
        at += 12 + length
    assert kind == b"IEND"
    assert len(set(zlib.decompress(pixels))) > 100


@pytest.mark.parametrize("variable", [None, *EVERYTHING])
def test_a_missing_browser_is_told_and_no_reason_to_be_green(
    monkeypatch: pytest.MonkeyPatch, variable: str | None
) -> None:
    for name in EVERYTHING:
        monkeypatch.delenv(name, raising=False)
    if variable is not None:
        monkeypatch.setenv(variable, "1")
    expected: Any = pytest.skip.Exception if variable is None else pytest.fail.Exception
    with pytest.raises(expected, match="there is no Chromium here"):
        lacking("there is no Chromium here")
