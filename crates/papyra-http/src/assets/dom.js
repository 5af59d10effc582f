// Small things for building and writing. Whatever comes from a log is set as text, never as markup.

export const at = (id) => document.getElementById(id);

/** An element with properties and children; strings become text. */
export function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name in element) element[name] = value;
    else element.setAttribute(name, value);
  }
  element.append(...children);
  return element;
}

// What must not reach the page raw: controls, marks that turn the direction of writing, line ends of Unicode.
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

/** Text of a log, of which nothing reorders a line or hides. */
export function safe(text) {
  return String(text).replace(UNSAFE, (c) => `\\u{${c.charCodeAt(0).toString(16)}}`);
}

/** `2026-11-20 10:30:00.123`, in UTC. A time that no calendar has is its number. */
export function moment(seconds, digits = 3) {
  const date = new Date(seconds * 1000);
  if (Number.isNaN(date.getTime())) return String(seconds);
  const text = date.toISOString().replace("T", " ").replace("Z", "");
  return digits ? text : text.slice(0, -4);
}

const UNITS = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];

/** `5 min`, `2 h`. */
export function span(seconds) {
  const [size, unit] = UNITS.find(([size]) => seconds >= size) ?? [1, "s"];
  return `${Math.round((seconds / size) * 10) / 10} ${unit}`;
}

export function bytes(count) {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB"];
  let power = 0;
  while (count >= 1024 && power < units.length - 1) [count, power] = [count / 1024, power + 1];
  return `${power ? count.toFixed(1) : count} ${units[power]}`;
}

export const number = (count) => Number(count).toLocaleString("en");
