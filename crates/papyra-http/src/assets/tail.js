// The newest facts: a list of any length of which only what is seen has elements.

import { make, moment, number, safe } from "./dom.js";
import { address } from "./model.js";

const ROW = 20;
/** So many facts are kept; the oldest go in one piece, so that not every new one moves all. */
const MOST = 100_000, PIECE = 10_000;

export class Tail {
  constructor(list, detail, count) {
    Object.assign(this, { list, detail, count, facts: [], shown: [], rows: [], chosen: null, paused: false, waiting: [], sought: "" });
    this.kinds = new Set(["event", "audit", "dead_letter"]);
    this.first = 0;
    this.spacer = make("div");
    list.append(this.spacer);
    list.addEventListener("scroll", () => this.later());
    list.addEventListener("keydown", (event) => this.key(event));
    list.addEventListener("click", (event) => {
      const row = event.target.closest(".row");
      if (row) this.choose(row.number, true);
    });
    new ResizeObserver(() => this.later()).observe(list);
  }

  /** Begins anew with these facts, each the JSON that is stored. */
  reset(facts) {
    Object.assign(this, { facts: [], shown: [], chosen: null, waiting: [] });
    this.detail.hidden = true;
    this.take(facts);
    this.toEnd = true;
  }

  take(facts) {
    if (this.paused) {
      this.waiting.push(...facts);
      if (this.waiting.length > MOST) this.waiting.splice(0, this.waiting.length - MOST);
      this.later();
      return;
    }
    this.toEnd ||= this.isAtEnd();
    for (const fact of facts) {
      const item = read(fact);
      this.facts.push(item);
      if (this.accepts(item)) this.shown.push(item);
    }
    if (this.facts.length > MOST + PIECE) {
      const gone = new Set(this.facts.splice(0, this.facts.length - MOST));
      const left = this.shown.findIndex((item) => !gone.has(item));
      this.shown.splice(0, left < 0 ? this.shown.length : left);
      this.chosen = null;
    }
    this.later();
  }

  pause(paused) {
    this.paused = paused;
    if (!paused) this.take(this.waiting.splice(0));
  }

  seek(text, kinds) {
    this.sought = text.toLowerCase();
    this.kinds = kinds;
    this.shown = this.facts.filter((item) => this.accepts(item));
    Object.assign(this, { chosen: null, toEnd: true });
    this.later();
  }

  accepts(item) {
    return this.kinds.has(item.kind) && (!this.sought || item.json.toLowerCase().includes(this.sought));
  }

  isAtEnd() {
    return this.list.scrollTop + this.list.clientHeight >= this.shown.length * ROW - 2 * ROW;
  }

  later() {
    this.frame ||= requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  draw() {
    const { list, shown } = this;
    this.spacer.style.height = `${shown.length * ROW}px`;
    if (this.toEnd) list.scrollTop = shown.length * ROW;
    this.toEnd = false;
    const first = Math.max(Math.floor(list.scrollTop / ROW) - 2, 0);
    const wanted = Math.min(Math.ceil(list.clientHeight / ROW) + 4, shown.length - first);
    while (this.rows.length < wanted) {
      const row = make("div", { className: "row", role: "option" });
      this.rows.push(row);
      list.append(row);
    }
    this.rows.forEach((row, at) => {
      const item = at < wanted ? shown[first + at] : undefined;
      row.hidden = !item;
      if (!item) return;
      row.number = first + at;
      row.id = `fact-${row.number}`;
      row.style.top = `${row.number * ROW}px`;
      row.ariaSelected = String(row.number === this.chosen);
      row.textContent = item.line;
    });
    if (this.chosen === null) list.removeAttribute("aria-activedescendant");
    else list.setAttribute("aria-activedescendant", `fact-${this.chosen}`);
    const held = this.waiting.length ? `, ${number(this.waiting.length)} wait` : "";
    const all = shown.length === this.facts.length ? "" : ` of ${number(this.facts.length)}`;
    this.count.textContent = `${number(shown.length)}${all} facts${held}`;
  }

  key(event) {
    const last = this.shown.length - 1;
    if (last < 0) return;
    const page = Math.floor(this.list.clientHeight / ROW) - 1;
    const here = this.chosen ?? last + 1;
    const to = { ArrowUp: here - 1, ArrowDown: here + 1, PageUp: here - page, PageDown: here + page, Home: 0, End: last }[event.key];
    if (to !== undefined) this.choose(Math.min(Math.max(to, 0), last), !this.detail.hidden);
    else if (event.key === "Enter" && this.chosen !== null) this.choose(this.chosen, true);
    else if (event.key === "Escape") this.detail.hidden = true;
    else return;
    event.preventDefault();
  }

  choose(number, open) {
    this.chosen = number;
    const { list } = this;
    const top = number * ROW;
    if (top < list.scrollTop) list.scrollTop = top;
    else if (top + ROW > list.scrollTop + list.clientHeight) list.scrollTop = top + ROW - list.clientHeight;
    if (open) {
      this.detail.hidden = false;
      // Laid out anew, each string of it is written harmlessly again.
      this.detail.textContent = pretty(this.shown[number].json);
    }
    this.later();
  }
}

function read(json) {
  const fact = JSON.parse(json);
  return { kind: fact.kind, json, line: safe(`${moment(fact.timestamp)}  ${told(fact)}`), fact };
}

function told(fact) {
  switch (fact.kind) {
    case "event": return `${fact.event_type || "-"}  ${address(fact.actor_address)}  ${compact(fact.payload)}`;
    case "dead_letter": return `DeadLetter  ${address(fact.target)}  ${fact.message_type || "-"}  why=${fact.why ?? "?"}${fact.count ? `  count=${fact.count}` : ""}`;
    case "audit": return `Audit  ${fact.system_id}  total=${fact.total_actors ?? "?"} alive=${fact.alive_actors ?? "?"} stopping=${fact.stopping_actors ?? "?"} restarting=${fact.restarting_actors ?? "?"}`;
    default: return String(fact.kind);
  }
}

const compact = (payload) => {
  const text = JSON.stringify(payload ?? null);
  return text === "{}" || text === "null" ? "" : text.slice(0, 300);
};

const pretty = (json) => JSON.stringify(JSON.parse(json), null, 2).split("\n").map(safe).join("\n");
