// Charts over time: bars or stepped lines on a canvas, the same figures as a table, and a cursor for mouse and keys.

import { make, moment, number, span } from "./dom.js";

const TICKS = [60, 300, 900, 1800, 3600, 10800, 21600, 43200, 86400, 604800, 2592000];
const LEFT = 44, BOTTOM = 18, TOP = 6;

export class Chart {
  /** `series`: [{ key, label, color }], the colour being a class of the style sheet. */
  constructor(figure, { kind, series }) {
    Object.assign(this, { kind, series, points: [], from: 0, to: 1, step: 60, cursor: null });
    this.swatches = series.map(({ label, color }) => make("span", { className: color }, label));
    this.canvas = make("canvas", { tabIndex: 0, role: "img" });
    this.readout = make("p", { className: "readout", "aria-live": "polite" });
    this.table = make("tbody");
    this.details = make("details", {}, make("summary", {}, "The same as a table"),
      make("table", {}, make("thead", {}, make("tr", {}, ...["Time (UTC)", ...series.map((it) => it.label)].map((title) => make("th", { scope: "col" }, title)))), this.table));
    this.caption = make("span", { className: "quiet" });
    figure.append(this.canvas, make("figcaption", {}, ...this.swatches), this.readout, this.details);
    this.canvas.addEventListener("keydown", (event) => this.key(event));
    this.canvas.addEventListener("pointermove", (event) => this.point(event));
    this.canvas.addEventListener("pointerleave", () => this.choose(null));
    this.canvas.addEventListener("blur", () => this.choose(null));
    this.details.addEventListener("toggle", () => this.list());
    new ResizeObserver(() => this.draw()).observe(this.canvas);
  }

  /** Shows points [{ at, key: value … }], in order of time. */
  show({ points, from, to, step }) {
    Object.assign(this, { points, from, to: Math.max(to, from + 1), step });
    if (this.cursor !== null && this.cursor >= points.length) this.cursor = null;
    const sums = this.series.map(({ key, label }) => {
      const values = points.map((point) => point[key]).filter((value) => value !== null && value !== undefined);
      if (this.kind === "bars") return `${label}: ${number(values.reduce((a, b) => a + b, 0))}`;
      return values.length ? `${label}: ${number(values.at(-1))} now, ${number(max(values))} at most` : `${label}: not known`;
    });
    this.canvas.setAttribute("aria-label", `${sums.join("; ")}. Arrow keys tell single moments.`);
    this.draw();
    this.list();
  }

  list() {
    if (!this.details.open) return;
    const rows = this.points.slice(-200).reverse().map((point) =>
      make("tr", {}, make("td", {}, moment(point.at, 0)), ...this.series.map(({ key }) => make("td", {}, text(point[key])))));
    this.table.replaceChildren(...rows);
  }

  draw() {
    const { canvas } = this;
    const ratio = window.devicePixelRatio || 1;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (!width) return;
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
    const brush = canvas.getContext("2d");
    brush.scale(ratio, ratio);
    brush.font = "11px system-ui, sans-serif";
    const quiet = getComputedStyle(this.readout).color;
    const values = this.points.flatMap((point) => this.series.map(({ key }) => point[key] ?? 0));
    const top = ceiling(max(values));
    const plot = { left: LEFT, right: width - 6, top: TOP, bottom: height - BOTTOM };
    const x = (at) => plot.left + ((at - this.from) / (this.to - this.from)) * (plot.right - plot.left);
    const y = (value) => plot.bottom - (value / top) * (plot.bottom - plot.top);
    brush.fillStyle = brush.strokeStyle = quiet;
    this.axes(brush, plot, x, y, top);
    brush.save();
    brush.beginPath();
    brush.rect(plot.left, 0, plot.right - plot.left, plot.bottom + 1);
    brush.clip();
    this.series.forEach(({ key }, at) => {
      brush.fillStyle = brush.strokeStyle = getComputedStyle(this.swatches[at]).color;
      if (this.kind === "bars") this.bars(brush, key, at, x, y, plot);
      else this.line(brush, key, x, y, plot);
    });
    if (this.cursor !== null) {
      brush.strokeStyle = quiet;
      const here = x(this.middle(this.points[this.cursor]));
      brush.strokeRect(here, plot.top, 0, plot.bottom - plot.top);
    }
    brush.restore();
    if (!this.points.length) brush.fillText("nothing in this span", plot.left + 8, (plot.top + plot.bottom) / 2);
  }

  axes(brush, plot, x, y, top) {
    brush.lineWidth = 1;
    brush.textAlign = "right";
    for (const value of [0, top / 2, top]) {
      if (!Number.isInteger(value)) continue;
      brush.globalAlpha = 0.25;
      brush.strokeRect(plot.left, Math.round(y(value)) + 0.5, plot.right - plot.left, 0);
      brush.globalAlpha = 1;
      brush.fillText(short(value), plot.left - 5, y(value) + 4);
    }
    brush.textAlign = "center";
    const tick = TICKS.find((tick) => (this.to - this.from) / tick <= 6) ?? (this.to - this.from) / 5;
    for (let at = Math.ceil(this.from / tick) * tick; at <= this.to; at += tick) {
      const label = tick >= 86400 ? moment(at, 0).slice(5, 10) : moment(at, 0).slice(11, 16);
      brush.fillText(label, Math.min(Math.max(x(at), plot.left + 14), plot.right - 14), plot.bottom + 13);
    }
    brush.textAlign = "left";
  }

  bars(brush, key, at, x, y, plot) {
    const room = Math.max(x(this.from + this.step) - x(this.from), 1);
    const width = Math.max((room * 0.9) / this.series.length, 1);
    for (const point of this.points) {
      const value = point[key] ?? 0;
      if (value > 0) brush.fillRect(x(point.at) + at * width, y(value), width, Math.max(plot.bottom - y(value), 1));
    }
  }

  line(brush, key, x, y, plot) {
    brush.lineWidth = 1.6;
    brush.beginPath();
    let last = null;
    for (const point of this.points) {
      const value = point[key];
      if (value === null || value === undefined) continue;
      if (last === null) brush.moveTo(x(point.at), y(value));
      else brush.lineTo(x(point.at), y(last));
      brush.lineTo(x(point.at), y(value));
      last = value;
    }
    if (last !== null) brush.lineTo(plot.right, y(last));
    brush.stroke();
  }

  middle(point) {
    return this.kind === "bars" ? point.at + this.step / 2 : point.at;
  }

  key(event) {
    const last = this.points.length - 1;
    if (last < 0) return;
    const here = this.cursor ?? last + 1;
    const to = { ArrowLeft: here - 1, ArrowRight: here + 1, Home: 0, End: last, PageUp: here - 10, PageDown: here + 10 }[event.key];
    if (event.key === "Escape") this.choose(null);
    else if (to !== undefined) this.choose(Math.min(Math.max(to, 0), last));
    else return;
    event.preventDefault();
  }

  point(event) {
    if (!this.points.length) return;
    const box = this.canvas.getBoundingClientRect();
    const share = (event.clientX - box.left - LEFT) / (box.width - LEFT - 6);
    const at = this.from + share * (this.to - this.from);
    let nearest = 0;
    this.points.forEach((point, index) => {
      if (Math.abs(this.middle(point) - at) < Math.abs(this.middle(this.points[nearest]) - at)) nearest = index;
    });
    this.choose(nearest);
  }

  choose(index) {
    this.cursor = index;
    const point = index === null ? null : this.points[index];
    const length = this.kind === "bars" ? `, ${span(this.step)}` : "";
    this.readout.textContent = point
      ? `${moment(point.at, 0)}${length}: ${this.series.map(({ key, label }) => `${label} ${text(point[key])}`).join(", ")}`
      : "";
    this.draw();
  }
}

const max = (values) => values.reduce((a, b) => Math.max(a, b), 0);
const text = (value) => (value === null || value === undefined ? "?" : number(value));

/** The next round number above: 1, 2, 4, 5, 10, 20 … */
function ceiling(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((times) => times * power).find((round) => round >= value);
}

function short(value) {
  if (value >= 1e9) return `${value / 1e9}G`;
  if (value >= 1e6) return `${value / 1e6}M`;
  return value >= 1e4 ? `${value / 1e3}k` : String(value);
}
