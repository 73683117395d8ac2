// What a run has warned of: it stays with the run, each sentence once, the latest first.
import { fill, h } from "./dom.mjs";
import { counted } from "./figures.mjs";
/** @import { Warning } from "./types.d.ts" */

const IN_SIGHT = 3;

/** The list: `element`, `show(warnings)`. */
export function makeWarnings() {
  const element = h("div", { class: "sdft-warnings", role: "status" });
  let shown = "";

  /** @param {Warning[]} warnings the latest last */
  function show(warnings) {
    const lines = sentences(warnings);
    const key = JSON.stringify(lines);
    if (key === shown) return;
    shown = key;
    const open = element.querySelector("details")?.open;
    const rows = lines.map((line) => h("div", { class: "sdft-warning" }, line));
    const rest = rows.slice(IN_SIGHT);
    const summary = h("summary", {}, counted(rest.length, "earlier warning"));
    fill(element, rows.slice(0, IN_SIGHT), rest.length ? h("details", { open }, summary, rest) : null);
  }

  return { element, show };
}

/** @param {Warning[]} warnings */
function sentences(warnings) {
  /** @type {Map<string, number>} */
  const times = new Map();
  for (const { message } of [...warnings].reverse()) times.set(message, (times.get(message) ?? 0) + 1);
  return [...times].map(([message, count]) => (count > 1 ? `${message} (${counted(count, "time")})` : message));
}
