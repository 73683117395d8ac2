// What a preset would change, old and new side by side.
import { h } from "./dom.mjs";
import { memory, number } from "./figures.mjs";
/** @import { Changes, Form, Option } from "./types.d.ts" */

/**
 * A row for each setting: its label, what stands there and what would; once it is used, what stood there and what does.
 * @param {Form} form
 * @param {Changes} changes
 * @param {boolean} used
 */
export function changesTable(form, changes, used) {
  const options = new Map([...form.fields, ...form.groups.flatMap((group) => group.fields)].map((o) => [o.name, o]));
  const rows = Object.entries(changes).map(([name, { was, now }]) => {
    const option = options.get(name);
    const cells = [h("td", {}, inWords(option, was)), h("td", { class: "sdft-new" }, inWords(option, now))];
    const title = h("th", { scope: "row" }, option?.label ?? name);
    return h("tr", { "data-change": name }, title, cells);
  });
  const titles = ["Setting", used ? "Before" : "Now", used ? "Now" : "With the preset"];
  const head = h(
    "tr",
    {},
    titles.map((title) => h("th", {}, title)),
  );
  return h(
    "div",
    { class: "sdft-scroll", tabindex: 0, role: "region", "aria-label": "What the preset changes" },
    h("table", { class: "sdft-table" }, h("thead", {}, head), h("tbody", {}, rows)),
  );
}

/**
 * What training would need with the other settings as they are.
 * @param {number | null} vram bytes
 */
export function needs(vram) {
  if (vram === null) return null;
  const sentence = `With this project's other settings about ${memory(vram)} of VRAM by estimate`;
  return h("p", { class: "sdft-about" }, `${sentence}, which Fit to this GPU can lower.`);
}

/**
 * A value as its field shows it.
 * @param {Option | undefined} option
 * @param {unknown} value nothing where it is left out
 */
function inWords(option, value) {
  const stands = value ?? option?.default;
  if (typeof stands === "boolean") return stands ? "on" : "off";
  if (typeof stands === "string" && ["duration", "interval"].includes(option?.kind ?? ""))
    return stands.replace(/^\d+/, (count) => number(Number(count)));
  if (Array.isArray(stands)) return stands.join(", ");
  return option?.titles[String(stands)] ?? String(stands);
}
