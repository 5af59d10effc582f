// The page: asks, draws, and goes on with each new fact.

import { Chart } from "./chart.js";
import { at, bytes, make, moment, number, safe, span } from "./dom.js";
import { Model, address, ranked } from "./model.js";
import { Gone, Unwelcome, ask, follow, readiness, token } from "./service.js";
import { Tail } from "./tail.js";

/** So many facts stand in the list at first. */
const FIRST = 1000;
/** Charts are drawn at most so often, in milliseconds; looking at health happens so often. */
const DRAW_EVERY = 250, LOOK_EVERY = 5000;

const actors = new Chart(at("actors"), { kind: "lines", series: [{ key: "alive", label: "alive", color: "first" }, { key: "restarting", label: "restarting", color: "second" }, { key: "stopping", label: "stopping", color: "third" }] });
const trouble = new Chart(at("trouble"), { kind: "bars", series: [{ key: "crashes", label: "crashes", color: "second" }, { key: "restarts", label: "restarts", color: "first" }] });
const letters = new Chart(at("letters"), { kind: "bars", series: [{ key: "dead_letters", label: "dead letters", color: "third" }] });
const tail = new Tail(at("tail"), at("fact"), at("count"));

let model = null;
let hasGroups = false;
let run = new AbortController();
/** How far the service's clock is ahead of ours, in seconds. */
let ahead = 0;

const now = () => Date.now() / 1000 + ahead;

/** Where the chosen span begins; nothing if it has everything. */
function since() {
  const length = Number(at("span").value) || null;
  return length === null ? null : now() - length;
}

/** Reads everything anew for the chosen span, and follows from there. */
async function begin() {
  run.abort();
  run = new AbortController();
  const { signal } = run;
  try {
    await status(signal);
    const from = since();
    const activity = await ask("api/v1/activity", { since: from, tail: FIRST }, signal);
    model = new Model(activity, from);
    tail.reset(activity.tail.map((fact) => JSON.stringify(fact)));
    draw();
    [sought, nextStorms] = [null, 0];
    const quietly = (error) => signal.aborted || say(error.message, false);
    storms(signal).catch(quietly);
    if (hasGroups) groups(signal).catch(quietly);
    await follow(activity.position, signal, take, (error) => error && say(`cut off: ${error.message}`, false));
  } catch (error) {
    if (signal.aborted) return;
    if (error instanceof Unwelcome) {
      at("door").hidden = false;
      at("token").focus();
      say("the token is wanted", false);
      return;
    }
    say(error.message, false);
    setTimeout(() => signal.aborted || begin(), error instanceof Gone ? 500 : 3000);
  }
}

function take(facts) {
  for (const fact of facts) model.take(JSON.parse(fact));
  tail.take(facts);
  later();
}

let timer = null;
function later() {
  timer ??= setTimeout(() => {
    timer = null;
    requestAnimationFrame(draw);
  }, DRAW_EVERY);
}

function draw() {
  if (!model) return;
  const length = Number(at("span").value) || null;
  const to = length === null ? model.newest ?? now() : now();
  const from = length === null ? model.oldest ?? to - 60 : to - length;
  const range = { from, to: to + (length === null ? model.step : 0), step: model.step };
  const within = (points) => points.filter((point) => point.at + model.step >= range.from);
  actors.show({ ...range, points: within(model.headcounts) });
  const points = within(model.points);
  trouble.show({ ...range, points });
  letters.show({ ...range, points });
  at("trouble-title").textContent = `Crashes and restarts per ${per(model.step)}`;
  at("letters-title").textContent = `Dead letters per ${per(model.step)}`;
  troubled();
  ranks("targets", model.targets);
  ranks("types", model.types);
  ranks("reasons", model.reasons);
}

const per = (step) => (step === 60 ? "minute" : span(step));

/** An actor's address, which leads to its life. */
const link = (actor) => make("button", { type: "button", className: "link", onclick: () => show(actor) }, safe(actor));

/** When storms are looked for next, and how much trouble was known when they were last. */
let nextStorms = 0, sought = null;

/** What happened again and again, as `papyra inspect storms` finds it. Looking reads the span anew: that is done if there was
 *  more trouble since, and the longer it takes, the less often. */
async function storms(signal) {
  const began = performance.now();
  if (sought === model.troubles || began < nextStorms) return;
  sought = model.troubles;
  nextStorms = Infinity;
  try {
    const found = await ask("api/v1/storms", { since: since() }, signal);
    const cells = (it) => [
      it.storm.replaceAll("_", " "), it.actor === null ? "several" : link(it.actor), number(it.count), moment(it.since, 0), moment(it.until, 0),
      safe([it.message_type, it.reason].filter((text) => text !== null).join(": ")),
    ];
    // The newest first, as many as anybody reads.
    const rows = found.storms.slice(-50).reverse().map((it) => make("tr", {}, ...cells(it).map((cell) => make("td", {}, cell))));
    const more = found.smaller + Math.max(found.storms.length - 50, 0);
    if (more) rows.push(make("tr", {}, make("td", { colSpan: 6, className: "quiet" }, `and ${number(more)} more`)));
    if (!rows.length) rows.push(make("tr", {}, make("td", { colSpan: 6, className: "quiet" }, "none in this span")));
    keep(at("storms").tBodies[0], rows);
  } finally {
    const now = performance.now();
    nextStorms = now + Math.max(LOOK_EVERY / 2, 10 * (now - began));
  }
}

function troubled() {
  const cells = (it) => [
    link(it.actor),
    number(it.crashes), number(it.restarts), number(it.most_in_a_minute), moment(it.last, 0), safe(it.reason ?? ""),
  ];
  const rows = model.troubled.map((it) => make("tr", {}, ...cells(it).map((cell) => make("td", {}, cell))));
  if (model.otherActors) rows.push(make("tr", {}, make("td", { colSpan: 6, className: "quiet" }, `and ${number(model.otherActors)} crashes and restarts of others`)));
  if (!rows.length) rows.push(make("tr", {}, make("td", { colSpan: 6, className: "quiet" }, "none in this span")));
  keep(at("troubled").tBodies[0], rows);
}

function ranks(id, counts) {
  const list = ranked(counts);
  const most = list.reduce((most, [, count]) => Math.max(most, count), 1);
  const row = ([name, count]) => make("li", {}, make("span", {}, safe(name || "-")), make("span", {}, number(count)), make("meter", { max: most, value: count, ariaHidden: "true" }));
  keep(at(id), list.length ? list.map(row) : [make("li", { className: "quiet" }, "none in this span")]);
}

/** New children, but the focus stays where somebody's finger is. */
function keep(parent, children) {
  const focused = parent.contains(document.activeElement) ? document.activeElement.textContent : null;
  parent.replaceChildren(...children);
  if (focused !== null) [...parent.querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
}

/** What the service says about itself. */
async function status(signal) {
  const told = await ask("api/v1/status", {}, signal);
  ahead = told.now - Date.now() / 1000;
  at("log").textContent = safe(`${told.name}: ${told.log}`);
  document.title = `Papyra: ${safe(told.name)}`;
  checks(told.checks);
  say(told.ready ? "ready" : "not ready", told.ready);
  const rules = told.retention.map((rule) => {
    const limits = [rule.max_records && `${number(rule.max_records)} records`, rule.max_age_seconds && span(rule.max_age_seconds), rule.max_total_bytes && bytes(rule.max_total_bytes)];
    const kinds = rule.kinds.length ? `${rule.kinds.join(", ")}: ` : "";
    return kinds + limits.filter(Boolean).join(", ");
  });
  hasGroups = told.has_groups;
  const last = told.last_check;
  figures({
    Backend: told.backend,
    Retention: rules.join("; ") || "everything stays visible",
    "Last scan": last ? `${moment(last.at, 0)} UTC: ${number(last.anomalies)} anomalies (${last.verdict})` : "none since the start",
    ...(last?.entries ? held(last.entries, last.bytes) : {}),
    Version: told.version,
  });
}

const shown = {};
function figures(more) {
  Object.assign(shown, more);
  at("figures").replaceChildren(...Object.entries(shown).flatMap(([name, value]) => [make("dt", {}, name), make("dd", {}, safe(value))]));
}

/** What the log held when it was scanned. */
function held(entries, size) {
  const kinds = Object.entries(entries).map(([kind, count]) => `${kind} ${number(count)}`).join(", ");
  return { Size: bytes(size), Facts: kinds || "none" };
}

function checks(list) {
  at("checks").replaceChildren(...list.map((check) => make("li", {}, make("span", { className: check.ok ? "good" : "bad" }, check.ok ? "✓ " : "✗ "), safe(`${check.name}: ${check.detail ?? (check.ok ? "well" : "not well")}`))));
}

function say(text, good) {
  at("ready").textContent = safe(text);
  at("ready").className = good ? "good" : "bad";
}

async function look() {
  if (run.signal.aborted || !at("door").hidden) return;
  try {
    const told = await readiness(run.signal);
    checks(told.checks);
    say(told.ok ? "ready" : "not ready", told.ok);
    if (hasGroups) await groups(run.signal);
    if (model) await storms(run.signal);
    later();
  } catch (error) {
    if (!run.signal.aborted) say(`no answer: ${error.message}`, false);
  }
}

/** How far consumer groups are; a backend that has none says so, and is not asked again. */
async function groups(signal) {
  const { groups } = await ask("api/v1/groups", {}, signal);
  const row = (it) => make("tr", {}, ...[it.group, it.kind, it.lag === null ? "?" : number(it.lag), number(it.pending), it.oldest_idle_seconds === null ? "-" : span(it.oldest_idle_seconds),
    it.consumers.map((member) => `${member.consumer}: ${number(member.pending)}`).join(", ")].map((cell) => make("td", {}, safe(cell))));
  at("consumers").querySelector("tbody").replaceChildren(...groups.map(row));
  at("consumers").hidden = !groups.length;
}

async function scan() {
  at("scan").disabled = true;
  at("scanned").textContent = "scanning …";
  try {
    const found = await ask("api/v1/scan");
    figures({ ...held(found.entries, found.bytes), "Last scan": `${moment(now(), 0)} UTC: ${number(found.anomalies_total)} anomalies` });
    const worst = found.anomalies.slice(0, 5).map((it) => `${it.kind}: ${it.detail}`);
    at("scanned").textContent = safe(found.anomalies_total ? worst.join(" · ") : "no anomalies");
  } catch (error) {
    at("scanned").textContent = safe(error.message);
  }
  at("scan").disabled = false;
}

/** The life of one actor. */
async function show(actor) {
  at("actor").value = actor;
  at("life-sums").textContent = "reading …";
  try {
    const life = await ask("api/v1/timeline", { actor, limit: 500 });
    const names = ["starts", "failed_starts", "crashes", "restarts", "stops", "other_events", "dead_letters"];
    const sums = names.filter((name) => life[name]).map((name) => `${number(life[name])} ${name.replace("_", " ")}`);
    at("life-sums").textContent = safe(sums.length ? `${life.actor}: ${sums.join(", ")}` : `nothing is recorded about ${life.actor}`);
    let before = null;
    const rows = life.moments.map((fact) => {
      const after = before === null ? "" : span(Math.max(fact.timestamp - before, 0));
      before = fact.timestamp;
      const what = fact.kind === "dead_letter" ? "DeadLetter" : fact.event_type;
      const about = fact.kind === "dead_letter" ? { type: fact.message_type, why: fact.why, count: fact.count } : fact.payload;
      return make("tr", {}, ...[moment(fact.timestamp), after, what, JSON.stringify(about ?? {})].map((cell) => make("td", {}, safe(cell))));
    });
    at("moments").tBodies[0].replaceChildren(...rows.reverse());
    at("moments").hidden = !rows.length;
  } catch (error) {
    at("life-sums").textContent = safe(error.message);
  }
  at("life-title").scrollIntoView({ block: "nearest" });
}

function theme(name) {
  if (name) document.documentElement.dataset.theme = name;
  draw();
}

at("span").addEventListener("change", begin);
at("scan").addEventListener("click", scan);
at("life").addEventListener("submit", (event) => {
  event.preventDefault();
  show(address(at("actor").value.trim()));
});
at("door").addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(at("token").value);
  at("token").value = "";
  at("door").hidden = true;
  begin();
});
at("pause").addEventListener("click", () => {
  tail.pause(!tail.paused);
  at("pause").setAttribute("aria-pressed", String(tail.paused));
  at("pause").textContent = tail.paused ? "Go on" : "Pause";
});
const seek = () => tail.seek(at("filter").value, new Set([...document.querySelectorAll(".kind:checked")].map((box) => box.value)));
at("filter").addEventListener("input", seek);
document.querySelectorAll(".kind").forEach((box) => box.addEventListener("change", seek));
at("theme").addEventListener("click", () => {
  const dark = getComputedStyle(document.documentElement).colorScheme === "dark"
    || (!document.documentElement.dataset.theme && matchMedia("(prefers-color-scheme: dark)").matches);
  const next = dark ? "light" : "dark";
  localStorage.setItem("papyra-theme", next);
  theme(next);
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => theme(null));
theme(localStorage.getItem("papyra-theme"));
setInterval(look, LOOK_EVERY);
begin();
