// Copyright: (c) 2026, The ansible_svc project
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
//
// The timeline. Only what is visible is drawn: the rows are a canvas as high as the frame, which stays in view while
// its container scrolls, and of each host just the bars between the two edges of the window are looked at.
"use strict";
(() => {
  const data = JSON.parse(document.getElementById("data").textContent);
  const byId = (id) => document.getElementById(id);
  const [head, rows, scroll, spacer, tip] = ["head", "rows", "scroll", "spacer", "tip"].map(byId);

  const ROW = 18, BAR = 12, GUTTER = 130, HEAD = 46, RIGHT = 10, FEWEST_ROWS = 12, NARROW = 1.5;
  const TASK = 0, WAY = 1, REASON = 2, STATUS = 3, BEGIN = 4, PHASES = 5;
  const MEANINGS = {
    queue: "waiting for a free fork",
    template: "the controller's own work: variables, templates, the action plugin",
    connect: "making the connection, or waiting for it",
    send: "putting the request together, its way to the host, and what the host makes ready",
    run: "the module or command",
    receive: "the answer's way back, and what is made of it",
  };
  const FAILED = new Set(["failed", "unreachable"].map((status) => data.statuses.indexOf(status)));

  const ends = data.bars.map((bars) => bars.map((bar) => bar.reduce(
    (at, value, index) => (index > PHASES && (index - PHASES) % 2 ? at + value : at), bar[BEGIN])));

  const state = {
    from: 0,
    to: Math.max(1, data.wall),
    shown: data.hosts.map((_, index) => index), // hosts, by row
    tasks: null, // indices of tasks that the search found, null for all
    phases: data.phases.map(() => true),
    selected: null, // {host, bar}
  };

  // -- words

  const seconds = (units) => {
    const s = units / data.units;
    return s < 1 ? `${(s * 1000).toFixed(s < 0.01 ? 1 : 0)} ms` : `${s.toFixed(2)} s`;
  };

  function describe(host, index) {
    const bar = data.bars[host][index];
    const [name, action, play] = data.tasks[bar[TASK]];
    const lines = [
      `${data.hosts[host]}: ${name}`,
      [data.statuses[bar[STATUS]] || "no result", action, data.ways[bar[WAY]], `play ${data.plays[play][0]}`]
        .filter(Boolean).join(", "),
    ];
    if (data.reasons[bar[REASON]]) lines.push(data.reasons[bar[REASON]]);
    lines.push(`began at ${seconds(bar[BEGIN])}, took ${seconds(ends[host][index] - bar[BEGIN])}`);
    const totals = new Map();
    for (let at = PHASES; at < bar.length; at += 2) totals.set(bar[at], (totals.get(bar[at]) || 0) + bar[at + 1]);
    lines.push([...totals].map(([phase, took]) => `${data.phases[phase]} ${seconds(took)}`).join(", "));
    return lines;
  }

  // -- geometry

  let width = 0, height = 0, scale = 1, queued = false;
  const x = (time) => GUTTER + ((time - state.from) / (state.to - state.from)) * (width - GUTTER - RIGHT);
  const time = (px) => state.from + ((px - GUTTER) / (width - GUTTER - RIGHT)) * (state.to - state.from);

  function resize() {
    width = scroll.clientWidth;
    // So many rows that the frame and what is above it fit the window.
    const most = Math.max(FEWEST_ROWS, Math.floor((window.innerHeight - 170) / ROW));
    height = Math.min(Math.max(1, state.shown.length), most) * ROW + 4;
    scale = window.devicePixelRatio || 1;
    scroll.style.height = `${height}px`;
    spacer.style.height = `${state.shown.length * ROW + 4}px`;
    for (const [canvas, high] of [[head, HEAD], [rows, height]]) {
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(high * scale);
      canvas.style.width = `${width}px`;
      canvas.style.height = `${high}px`;
    }
    draw();
  }

  function look(from, to) {
    const whole = Math.max(1, data.wall);
    const span = Math.min(Math.max(to - from, 20), whole);
    state.from = Math.min(Math.max(0, from), whole - span);
    state.to = state.from + span;
    draw();
  }

  function zoom(factor, around = (state.from + state.to) / 2) {
    look(around - (around - state.from) * factor, around + (state.to - around) * factor);
  }

  // The first bar of a host that ends after a time.
  function firstAfter(host, at) {
    let low = 0, high = ends[host].length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (ends[host][middle] <= at) low = middle + 1; else high = middle;
    }
    return low;
  }

  function barAt(px, py) {
    const host = state.shown[Math.floor((py + scroll.scrollTop) / ROW)];
    if (host === undefined || px < GUTTER) return null;
    const slack = 2 * (state.to - state.from) / width;
    const index = firstAfter(host, time(px) - slack);
    const bar = data.bars[host][index];
    return bar && bar[BEGIN] <= time(px) + slack ? {host, bar: index} : null;
  }

  // -- drawing

  function draw() {
    if (queued) return;
    queued = true;
    requestAnimationFrame(() => { queued = false; paint(); });
  }

  function paint() {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const colours = data.phases.map(colour);
    const theme = {text: colour("text"), faint: colour("faint"), line: colour("line"), back: colour("back"),
      raised: colour("raised"), accent: colour("accent"), bad: colour("bad")};
    paintHead(theme);
    paintRows(theme, colours);
  }

  function begin(canvas, high, theme) {
    const on = canvas.getContext("2d");
    on.setTransform(scale, 0, 0, scale, 0, 0);
    on.clearRect(0, 0, width, high);
    on.font = "12px system-ui, sans-serif";
    on.textBaseline = "middle";
    on.fillStyle = theme.text;
    return on;
  }

  function fit(on, text, room) {
    if (on.measureText(text).width <= room) return text;
    let keep = Math.max(0, Math.floor(text.length * room / on.measureText(text).width) - 1);
    while (keep > 0 && on.measureText(`${text.slice(0, keep)}…`).width > room) keep--;
    return keep > 0 ? `${text.slice(0, keep)}…` : "";
  }

  function step() {
    const wanted = (state.to - state.from) * 90 / Math.max(1, width - GUTTER);
    const power = 10 ** Math.floor(Math.log10(Math.max(1, wanted)));
    return [1, 2, 5, 10].map((factor) => factor * power).find((found) => found >= wanted);
  }

  function paintHead(theme) {
    const on = begin(head, HEAD, theme);
    on.save();
    on.beginPath();
    on.rect(GUTTER, 0, width - GUTTER, HEAD);
    on.clip();
    for (const [name, strategy, , from, to] of data.plays) {
      const left = Math.max(GUTTER, x(from)), right = Math.min(width, x(to));
      if (right <= left) continue;
      on.fillStyle = theme.raised;
      on.fillRect(left + 0.5, 3, Math.max(1, right - left - 1), 18);
      on.fillStyle = theme.text;
      on.fillText(fit(on, `${name} (${strategy})`, right - left - 10), left + 5, 12.5);
    }
    on.fillStyle = theme.faint;
    const every = step(), digits = Math.max(0, Math.ceil(Math.log10(data.units / every)));
    for (let at = Math.ceil(state.from / every) * every; at <= state.to; at += every) {
      on.fillRect(Math.round(x(at)), 38, 1, 8);
      on.fillText(`${(at / data.units).toFixed(digits)} s`, x(at) + 4, 33);
    }
    on.restore();
    on.fillStyle = theme.faint;
    on.fillText(`${state.shown.length} hosts`, 8, 33);
    if (drag && drag.zooms) {
      on.globalAlpha = 0.25;
      on.fillStyle = theme.accent;
      on.fillRect(Math.min(drag.from, drag.at), 0, Math.abs(drag.at - drag.from), HEAD);
      on.globalAlpha = 1;
    }
  }

  function paintRows(theme, colours) {
    const on = begin(rows, height, theme);
    const every = step();
    on.fillStyle = theme.line;
    on.globalAlpha = 0.5;
    for (let at = Math.ceil(state.from / every) * every; at <= state.to; at += every) {
      on.fillRect(Math.round(x(at)), 0, 1, height);
    }
    on.globalAlpha = 1;
    const first = Math.floor(scroll.scrollTop / ROW);
    const last = Math.min(state.shown.length, Math.ceil((scroll.scrollTop + height) / ROW));
    for (let row = first; row < last; row++) paintRow(on, theme, colours, state.shown[row], row * ROW - scroll.scrollTop);
    on.fillStyle = theme.text;
    if (!data.hosts.length) {
      on.fillText("No play ran under a strategy of svc, so there is nothing to show here.", 12, height / 2);
    } else if (!state.shown.length) {
      on.fillText("No host has this in its name.", 12, height / 2);
    }
  }

  // The phase that a host-task was in for longest, of those that are shown; -1 when none is.
  function longest(bar) {
    let found = -1, most = 0;
    for (let phase = PHASES; phase < bar.length; phase += 2) {
      if (state.phases[bar[phase]] && bar[phase + 1] > most) {
        most = bar[phase + 1];
        found = bar[phase];
      }
    }
    return found;
  }

  function paintRow(on, theme, colours, host, top) {
    const chosen = state.selected && state.selected.host === host ? state.selected.bar : -1;
    on.fillStyle = chosen >= 0 ? theme.accent : theme.text;
    on.fillText(fit(on, data.hosts[host], GUTTER - 14), 8, top + ROW / 2 + 1);
    on.save();
    on.beginPath();
    on.rect(GUTTER, top, width - GUTTER, ROW);
    on.clip();
    const y = top + (ROW - BAR) / 2;
    for (let index = firstAfter(host, state.from); index < data.bars[host].length; index++) {
      const bar = data.bars[host][index];
      if (bar[BEGIN] > state.to) break;
      on.globalAlpha = state.tasks && !state.tasks.has(bar[TASK]) ? 0.15 : 1;
      const left = x(bar[BEGIN]), wide = x(ends[host][index]) - left;
      if (wide < NARROW) {
        // Nobody could tell its phases apart: the longest stands for all.
        const phase = longest(bar);
        if (phase >= 0) {
          on.fillStyle = colours[phase];
          on.fillRect(left, y, Math.max(wide, 0.5), BAR);
        }
      } else {
        let at = bar[BEGIN];
        for (let phase = PHASES; phase < bar.length; phase += 2) {
          const until = at + bar[phase + 1], from = x(at), part = x(until) - from;
          if (state.phases[bar[phase]] && until > state.from && part > 0.2) {
            on.fillStyle = colours[bar[phase]];
            on.fillRect(from, y, part, BAR);
          }
          at = until;
        }
      }
      if (wide > 3) {
        // A hair, so that neighbours stay apart.
        on.fillStyle = theme.back;
        on.fillRect(left + wide - 0.7, y, 0.7, BAR);
      }
      if (FAILED.has(bar[STATUS])) {
        on.fillStyle = theme.bad;
        on.fillRect(left, y + BAR, Math.max(2, wide), 2);
      }
      if (index === chosen) {
        on.globalAlpha = 1;
        on.strokeStyle = theme.text;
        on.lineWidth = 2;
        on.strokeRect(left - 1, y - 1, Math.max(3, wide) + 2, BAR + 2);
      }
      on.globalAlpha = 1;
    }
    on.restore();
  }

  // -- choosing

  function select(choice, bring = true) {
    state.selected = choice;
    byId("selected").textContent = choice ? describe(choice.host, choice.bar).join(". ") : "";
    if (choice && bring) {
      const row = state.shown.indexOf(choice.host);
      if (row * ROW < scroll.scrollTop) scroll.scrollTop = row * ROW;
      if ((row + 1) * ROW > scroll.scrollTop + height) scroll.scrollTop = (row + 1) * ROW - height + 4;
      const from = data.bars[choice.host][choice.bar][BEGIN], to = ends[choice.host][choice.bar];
      const span = state.to - state.from;
      if (from < state.from || to > state.to) look((from + to) / 2 - span / 2, (from + to) / 2 + span / 2);
    }
    draw();
  }

  function walk(key) {
    const {shown, selected} = state;
    if (!shown.length) return;
    if (!selected) return select({host: shown[0], bar: Math.min(firstAfter(shown[0], state.from), ends[shown[0]].length - 1)});
    const count = data.bars[selected.host].length;
    if (key === "ArrowRight") return select({host: selected.host, bar: Math.min(count - 1, selected.bar + 1)});
    if (key === "ArrowLeft") return select({host: selected.host, bar: Math.max(0, selected.bar - 1)});
    if (key === "Home") return select({host: selected.host, bar: 0});
    if (key === "End") return select({host: selected.host, bar: count - 1});
    const row = shown.indexOf(selected.host) + (key === "ArrowDown" ? 1 : -1);
    if (row < 0 || row >= shown.length) return;
    // The same task of the neighbour; what was there at that time if it had no such task.
    const from = data.bars[selected.host][selected.bar];
    const same = data.bars[shown[row]].findIndex((bar) => bar[TASK] === from[TASK]);
    const then = Math.min(firstAfter(shown[row], from[BEGIN]), ends[shown[row]].length - 1);
    select({host: shown[row], bar: same >= 0 ? same : then});
  }

  function zoomTo({host, bar}) {
    const from = data.bars[host][bar][BEGIN], to = ends[host][bar], room = Math.max(10, (to - from) / 4);
    look(from - room, to + room);
  }

  function search() {
    const host = byId("host").value.trim().toLowerCase(), task = byId("task").value.trim().toLowerCase();
    state.shown = data.hosts.map((_, index) => index).filter((index) => data.hosts[index].toLowerCase().includes(host));
    state.tasks = task && new Set([...data.tasks.keys()].filter((index) =>
      `${data.tasks[index][0]}\n${data.tasks[index][1]}`.toLowerCase().includes(task))) || null;
    if (state.selected && !state.shown.includes(state.selected.host)) select(null);
    const found = [];
    if (host) found.push(`${state.shown.length} of ${data.hosts.length} hosts`);
    if (task) found.push(`${state.tasks.size} of ${data.tasks.length} tasks`);
    byId("found").textContent = found.join(", ");
    resize();
  }

  function showTip(event, choice) {
    tip.hidden = !choice;
    if (!choice) return;
    tip.textContent = describe(choice.host, choice.bar).join("\n");
    const frame = byId("frame").getBoundingClientRect();
    const left = event.clientX - frame.left + 14, top = event.clientY - frame.top + 14;
    tip.style.left = `${Math.max(4, Math.min(left, frame.width - tip.offsetWidth - 6))}px`;
    tip.style.top = `${top + tip.offsetHeight > frame.height ? Math.max(2, top - tip.offsetHeight - 26) : top}px`;
  }

  // -- events

  let drag = null;
  rows.addEventListener("pointerdown", (event) => {
    rows.setPointerCapture(event.pointerId);
    drag = {zooms: false, from: event.offsetX, at: event.offsetX, window: [state.from, state.to]};
  });
  rows.addEventListener("pointermove", (event) => {
    if (!drag) return showTip(event, barAt(event.offsetX, event.offsetY));
    drag.at = event.offsetX;
    const moved = (drag.from - drag.at) * (drag.window[1] - drag.window[0]) / (width - GUTTER - RIGHT);
    look(drag.window[0] + moved, drag.window[1] + moved);
  });
  rows.addEventListener("pointerup", (event) => {
    if (drag && Math.abs(drag.at - drag.from) < 3) select(barAt(event.offsetX, event.offsetY), false);
    drag = null;
  });
  rows.addEventListener("pointerleave", () => { tip.hidden = true; });
  rows.addEventListener("dblclick", (event) => {
    const choice = barAt(event.offsetX, event.offsetY);
    if (choice) zoomTo(choice);
  });
  rows.addEventListener("wheel", (event) => {
    const sideways = event.shiftKey ? event.deltaY : event.deltaX;
    if (event.ctrlKey || event.metaKey) zoom(Math.exp(event.deltaY / 300), time(event.offsetX));
    else if (sideways) {
      const moved = sideways * (state.to - state.from) / width;
      look(state.from + moved, state.to + moved);
    } else return;
    event.preventDefault();
  }, {passive: false});
  rows.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^Arrow|^Home$|^End$/.test(event.key)) walk(event.key);
    else if (event.key === "Enter" && state.selected) zoomTo(state.selected);
    else if (event.key === "+" || event.key === "=") zoom(0.6);
    else if (event.key === "-") zoom(1 / 0.6);
    else if (event.key === "0") look(0, data.wall);
    else if (event.key === "Escape") select(null);
    else return;
    event.preventDefault();
  });
  head.addEventListener("pointerdown", (event) => {
    head.setPointerCapture(event.pointerId);
    drag = {zooms: true, from: event.offsetX, at: event.offsetX};
  });
  head.addEventListener("pointermove", (event) => {
    if (drag) { drag.at = event.offsetX; draw(); }
  });
  head.addEventListener("pointerup", () => {
    const [left, right] = [drag.from, drag.at].sort((a, b) => a - b).map(time);
    const wide = Math.abs(drag.at - drag.from) > 4;
    drag = null;
    if (wide) look(left, right); else draw();
  });
  scroll.addEventListener("scroll", draw);
  for (const id of ["host", "task"]) byId(id).addEventListener("input", search);
  byId("zoom").addEventListener("click", (event) => {
    const way = event.target.dataset.zoom;
    if (way === "fit") look(0, data.wall);
    else if (way) zoom(way === "in" ? 0.6 : 1 / 0.6);
  });
  byId("theme").addEventListener("click", () => {
    const root = document.documentElement;
    const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    root.dataset.theme = dark ? "light" : "dark";
    draw();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(resize).observe(byId("frame"));
  window.addEventListener("resize", resize);

  // -- what does not change

  function fillSlowest(count) {
    const body = byId("slowest").tBodies[0];
    body.replaceChildren(...data.slowest.slice(0, count).map(([task, hosts, wall, host, slowest]) => {
      const line = document.createElement("tr");
      const cells = [data.tasks[task][0], data.tasks[task][1], hosts, (wall / data.units).toFixed(2),
        (slowest / data.units).toFixed(2), host];
      for (const text of cells) line.appendChild(document.createElement("td")).textContent = text;
      return line;
    }));
    byId("more").hidden = count >= data.slowest.length;
  }
  byId("more").addEventListener("click", () => fillSlowest(data.slowest.length));
  fillSlowest(10);
  byId("slowest").closest("section").hidden = !data.slowest.length;

  data.phases.forEach((phase, index) => {
    const button = document.createElement("button");
    button.type = "button";
    button.dataset.phase = phase;
    button.textContent = phase;
    button.title = MEANINGS[phase] || "";
    button.setAttribute("aria-pressed", "true");
    button.addEventListener("click", () => {
      state.phases[index] = !state.phases[index];
      button.setAttribute("aria-pressed", String(state.phases[index]));
      draw();
    });
    byId("legend").append(button);
  });
  const count = data.bars.reduce((sum, bars) => sum + bars.length, 0);
  byId("facts").textContent = [new Date(data.started * 1000).toLocaleString(), seconds(data.wall),
    `${data.hosts.length} hosts`, `${new Set(data.slowest.map((row) => row[0])).size} tasks`,
    `${count.toLocaleString("en")} host-tasks`].join(" · ");
  resize();
})();
