// One field for each option, made from what the server tells of it.
import { find, h } from "./dom.mjs";
/** @import { Kind, Option, Settings, Value } from "./types.d.ts" */

/** @typedef {(value: Value | undefined) => void} Put undefined takes the value out, so that the default counts */

const DURATION = /^\s*(\d+)\s*(step|epoch)?s?\s*$/;
const NUMBER = /^\d+$/;

/**
 * The value at a dotted name in nested settings; numbers count from 1: "concepts.1.folder".
 * @param {Settings} settings
 * @param {string} name
 * @returns {unknown}
 */
export function valueAt(settings, name) {
  return name.split(".").reduce(inside, /** @type {unknown} */ (settings));
}

/**
 * Put a value at a dotted name; undefined takes it out, so that the default counts.
 * @param {Settings} settings
 * @param {string} name
 * @param {unknown} value
 */
export function putAt(settings, name, value) {
  const parts = name.split(".");
  const last = parts.splice(-1)[0];
  let place = /** @type {Record<string, unknown>} */ (settings);
  for (const part of parts) {
    if (!NUMBER.test(part)) place[part] ??= {};
    place = /** @type {Record<string, unknown>} */ (inside(place, part));
  }
  if (value === undefined) delete place[last];
  else place[last] = value;
}

/**
 * @param {unknown} place
 * @param {string} part
 */
function inside(place, part) {
  const parts = /** @type {Record<string, unknown> | null | undefined} */ (place);
  return parts?.[NUMBER.test(part) ? Number(part) - 1 : part];
}

/**
 * A labelled field of an option.
 * @param {Option} option
 * @param {string} name full name, with the concept's number where it has one
 * @param {Settings} settings edited in place
 * @param {(name: string) => void} changed called after each change
 */
export function field(option, name, settings, changed) {
  const id = `sd_finetune_${name.replaceAll(".", "_")}`;
  /** @type {Put} */
  const put = (value) => {
    putAt(settings, name, value);
    changed(name);
  };
  const value = /** @type {Value} */ (valueAt(settings, name) ?? option.default);
  const inputs = MAKERS[option.kind](option, id, value, put);
  const help = `${option.help}. Takes ${option.takes}; default: ${shown(option.default)}.`;
  const label = h("label", { for: id, title: help }, option.label);
  const unit = option.unit ? h("span", { class: "sdft-unit" }, option.unit) : null;
  const row = h("span", { class: "sdft-inputs" }, inputs, unit);
  const parts = option.kind === "flag" ? [row, label] : [label, row];
  inputs[0].setAttribute("aria-describedby", `${id}_help ${id}_fault`);
  return h(
    "div",
    { class: `sdft-field sdft-${option.kind.replace(" ", "-")}`, "data-name": name },
    parts,
    h("div", { class: "sdft-help", id: `${id}_help` }, help),
    h("div", { class: "sdft-fault", id: `${id}_fault`, role: "alert" }),
  );
}

/**
 * Show each fault beside its field.
 * @param {HTMLElement} root
 * @param {Record<string, string>} faults sentences by the setting's name
 */
export function showFaults(root, faults) {
  for (const element of root.querySelectorAll(".sdft-field[data-name]")) {
    const sentence = faults[/** @type {HTMLElement} */ (element).dataset.name ?? ""] ?? "";
    element.classList.toggle("sdft-faulty", sentence !== "");
    const place = find(element, ".sdft-fault");
    if (place.textContent !== sentence) place.textContent = sentence;
    find(element, "input, select, textarea").setAttribute("aria-invalid", String(sentence !== ""));
  }
}

/** @param {Value} value */
const shown = (value) => (value === "" ? "empty" : Array.isArray(value) ? value.join(", ") || "none" : String(value));

/** @type {Record<Kind, (option: Option, id: string, value: Value, put: Put) => HTMLElement[]>} */
const MAKERS = {
  flag: (option, id, value, put) => [
    h("input", { type: "checkbox", id, checked: value === true, onchange: (event) => put(event.target.checked) }),
  ],
  choice: (option, id, value, put) => [
    h(
      "select",
      { id, onchange: (event) => put(event.target.value), value: String(value) },
      option.choices.map((choice) => {
        const disabled = option.unavailable.includes(choice);
        return h("option", { value: choice, selected: choice === value, disabled }, option.titles[choice] ?? choice);
      }),
    ),
  ],
  number: (option, id, value, put) => [numberInput(option, id, value, put)],
  "auto number": (option, id, value, put) => [numberInput(option, id, value === "auto" ? "" : value, put, "auto")],
  text: (option, id, value, put) => [textInput(id, value, put)],
  path: (option, id, value, put) => [textInput(id, value, put)],
  texts: (option, id, value, put) => [linesInput(id, /** @type {string[]} */ (value), put)],
  duration: (option, id, value, put) => durationInputs(option, id, value, put),
};

/**
 * What is no number is kept as it was typed, so that the server can say what is wrong with it.
 * @param {Option} option
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 */
function numberInput(option, id, value, put, placeholder = String(option.default)) {
  /** @param {{ target: HTMLInputElement }} event */
  const send = (event) => {
    const text = event.target.value.trim();
    put(text === "" ? undefined : Number.isFinite(Number(text)) ? Number(text) : text);
  };
  return h("input", { id, type: "text", inputmode: "decimal", placeholder, value: String(value), oninput: send });
}

/**
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 */
function textInput(id, value, put) {
  return h("input", {
    id,
    type: "text",
    value: String(value),
    spellcheck: "false",
    oninput: (event) => put(event.target.value),
  });
}

/**
 * @param {string} id
 * @param {string[]} value
 * @param {Put} put
 */
function linesInput(id, value, put) {
  const lines = (/** @type {string} */ text) => text.split("\n").map((line) => line.trim());
  return h("textarea", {
    id,
    rows: 3,
    placeholder: "one per line",
    value: value.join("\n"),
    oninput: (event) => put(lines(event.target.value).filter(Boolean)),
  });
}

/**
 * An amount and its unit, steps or epochs.
 * @param {Option} option
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 */
function durationInputs(option, id, value, put) {
  const [, amount, unit] = DURATION.exec(String(value)) ?? [null, String(value), "step"];
  const send = () => {
    const text = input.value.trim();
    put(text === "" ? undefined : NUMBER.test(text) ? `${text} ${select.value}` : text);
  };
  const input = h("input", { id, type: "text", inputmode: "numeric", value: amount, oninput: send });
  const select = h("select", { "aria-label": `${option.label}: unit`, onchange: send }, [
    h("option", { value: "steps", selected: unit !== "epoch" }, "steps"),
    h("option", { value: "epochs", selected: unit === "epoch" }, "epochs"),
  ]);
  return [input, select];
}
