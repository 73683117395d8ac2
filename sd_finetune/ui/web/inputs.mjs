// What an option is entered with: one maker for each kind.
import { h } from "./dom.mjs";
import { readNumber } from "./numbers.mjs";
/** @import { Kind, Option, Value } from "./types.d.ts" */

/** @typedef {(value: Value | undefined) => void} Put undefined takes the value out, so that the default counts */

export const AUTO = "auto";
const DURATION = /^\s*(\d+)\s*(step|epoch|minute)?s?\s*$/;
const WHOLE = /^\d+$/;

/**
 * The inputs of an option, of which the first one has its id.
 * @param {Option} option
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 * @returns {HTMLElement[]}
 */
export function inputsOf(option, id, value, put) {
  return MAKERS[option.kind](option, id, value, put);
}

/** @type {Record<Kind, (option: Option, id: string, value: Value, put: Put) => HTMLElement[]>} */
const MAKERS = {
  flag: (_, id, value, put) => [
    h("input", { type: "checkbox", id, checked: value === true, onchange: (event) => put(event.target.checked) }),
  ],
  choice: (option, id, value, put) => [choiceInput(option, id, value, put)],
  number: (option, id, value, put) => numberInputs(option, id, value, put),
  rate: (option, id, value, put) => numberInputs(option, id, value, put),
  text: (_, id, value, put) => [textInput(id, value, put)],
  path: (_, id, value, put) => [textInput(id, value, put)],
  texts: (_, id, value, put) => [linesInput(id, /** @type {string[]} */ (value), put)],
  duration: (option, id, value, put) => durationInputs(option, id, value, put, ["steps", "epochs"]),
  interval: (option, id, value, put) => durationInputs(option, id, value, put, ["steps", "epochs", "minutes"]),
};

/**
 * @param {Option} option
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 */
function choiceInput(option, id, value, put) {
  const choices = option.choices.map((choice) => {
    const why = option.unavailable[choice] ?? "";
    const attributes = { value: choice, selected: choice === value, disabled: why !== "", title: why };
    return h("option", attributes, option.titles[choice] ?? choice);
  });
  return h("select", { id, onchange: (event) => put(event.target.value), value: String(value) }, choices);
}

/**
 * A box, and a slider beside it where the option has one; "auto" stands in the box.
 * @param {Option} option
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 */
function numberInputs(option, id, value, put) {
  const empty = option.auto ? AUTO : undefined;
  const box = h("input", {
    id,
    type: "text",
    inputmode: "decimal",
    autocomplete: "off",
    placeholder: String(option.default),
    value: String(value),
    oninput() {
      const typed = box.value.trim();
      const read = typed === "" ? empty : readNumber(typed, option.whole);
      if (slider && typeof read === "number") slider.value = String(read);
      put(read);
    },
    onchange() {
      if (option.auto && box.value.trim() === "") box.value = AUTO;
    },
  });
  const slider = option.slider ? sliderOf(option, option.slider, value) : null;
  slider?.addEventListener("input", () => {
    box.value = slider.value;
    put(Number(slider.value));
  });
  return slider ? [box, slider] : [box];
}

/**
 * @param {Option} option
 * @param {[least: number, most: number, step: number]} range
 * @param {Value} value
 */
function sliderOf(option, [min, max, step], value) {
  const label = `${option.label}: slider`;
  return h("input", { type: "range", min, max, step, value: Number(value) || min, "aria-label": label });
}

/**
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 */
function textInput(id, value, put) {
  const oninput = (/** @type {{ target: HTMLInputElement }} */ event) => put(event.target.value);
  return h("input", { id, type: "text", value: String(value), spellcheck: "false", autocomplete: "off", oninput });
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
 * An amount and its unit.
 * @param {Option} option
 * @param {string} id
 * @param {Value} value
 * @param {Put} put
 * @param {string[]} units
 */
function durationInputs(option, id, value, put, units) {
  const [, amount, unit] = DURATION.exec(String(value)) ?? [null, String(value), "step"];
  const send = () => {
    const typed = input.value.trim();
    const read = readNumber(typed, true);
    name();
    put(typed === "" ? undefined : WHOLE.test(String(read)) ? `${read} ${select.value}` : typed);
  };
  /** "1 step", but "2 steps". */
  const name = () => {
    const one = input.value.trim() === "1";
    for (const each of select.options) each.textContent = one ? each.value.slice(0, -1) : each.value;
  };
  const input = h("input", {
    id,
    type: "text",
    inputmode: "numeric",
    autocomplete: "off",
    placeholder: (DURATION.exec(String(option.default)) ?? ["", ""])[1],
    value: amount,
    oninput: send,
  });
  const select = h(
    "select",
    { "aria-label": `${option.label}: unit`, onchange: send },
    units.map((each) => h("option", { value: each, selected: each === `${unit ?? "step"}s` }, each)),
  );
  name();
  return [input, select];
}
