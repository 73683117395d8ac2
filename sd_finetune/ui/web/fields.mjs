// One field for each option, made from what the server tells of it.
import { find, h } from "./dom.mjs";
import { AUTO, inputsOf } from "./inputs.mjs";
import { shortNumber } from "./numbers.mjs";
import { putAt, valueAt } from "./values.mjs";
/** @import { Option, Settings, Value } from "./types.d.ts" */

/**
 * A labelled field of an option.
 * @param {Option} option
 * @param {string} name full name, with the concept's number where it has one
 * @param {Settings} settings edited in place
 * @param {(name: string) => void} changed called after each change
 */
export function field(option, name, settings, changed) {
  const id = `sd_finetune_${name.replaceAll(".", "_")}`;
  const unit = h("span", { class: "sdft-unit", "data-unit": option.unit });
  const stored = /** @type {Value} */ (valueAt(settings, name) ?? option.default);
  const value = option.zero_is_auto && stored === 0 ? AUTO : stored;
  const inputs = inputsOf(option, id, value, (given) => {
    putAt(settings, name, given);
    showUnit(unit, given ?? option.default);
    changed(name);
  });
  showUnit(unit, value);
  const greyed = value === option.default ? option.greyed : "";
  for (const input of greyed ? inputs : []) input.toggleAttribute("disabled", true);
  const help = `${option.help}.${rest(option)}${greyed && ` ${greyed}`}`;
  const label = h("label", { for: id, title: help }, option.label);
  const row = h("span", { class: "sdft-inputs" }, inputs, option.unit || option.auto ? unit : null);
  inputs[0].setAttribute("aria-describedby", `${id}_help ${id}_fault`);
  return h(
    "div",
    { class: `sdft-field sdft-${option.kind}`, "data-name": name },
    option.kind === "flag" ? [row, label] : [label, row],
    h("div", { class: "sdft-help", id: `${id}_help` }, help),
    h("div", { class: "sdft-fault", id: `${id}_fault`, role: "alert" }),
  );
}

/**
 * What of the values that an option takes its field does not show by itself, and its default.
 * @param {Option} option
 */
function rest({ kind, takes, default: value }) {
  if (kind === "flag" || kind === "choice") return "";
  const own =
    kind === "number" || kind === "rate" || kind === "duration" || kind === "interval" ? ` Takes ${takes}.` : "";
  return value === "" || Array.isArray(value) ? own : `${own} Default: ${value}.`;
}

/**
 * "4 images", but "1 image"; nothing beside "auto", where `showAutomatic` puts what it amounts to.
 * @param {HTMLElement} unit
 * @param {Value} value
 */
function showUnit(unit, value) {
  const word = unit.dataset.unit ?? "";
  const one = word === "passes" ? "pass" : word.replace(/s$/, "");
  unit.textContent = value === AUTO ? (unit.dataset.amount ?? "") : Number(value) === 1 ? one : word;
}

/**
 * Show beside each "auto" what it amounts to.
 * @param {HTMLElement} root
 * @param {Record<string, number>} amounts by the setting's name
 */
export function showAutomatic(root, amounts) {
  for (const [name, amount] of Object.entries(amounts)) {
    const element = root.querySelector(`.sdft-field[data-name="${name}"]`);
    const unit = /** @type {HTMLElement | null | undefined} */ (element?.querySelector(".sdft-unit"));
    if (!element || !unit) continue;
    const word = unit.dataset.unit ? ` ${unit.dataset.unit}` : "";
    unit.dataset.amount = `= ${shortNumber(amount)}${amount === 1 ? word.replace(/s$/, "") : word}`;
    const box = /** @type {HTMLInputElement} */ (find(element, "input"));
    const auto = /^(auto)?$/i.test(box.value.trim());
    showUnit(unit, auto ? AUTO : box.value);
    const slider = /** @type {HTMLInputElement | null} */ (element.querySelector('input[type="range"]'));
    if (slider && auto) slider.value = String(amount);
  }
}

/**
 * Show each fault beside its field, and a contradiction beside all that it is between.
 * @param {HTMLElement} root
 * @param {[name: string, sentence: string][]} faults each with the setting's name
 */
export function showFaults(root, faults) {
  for (const element of root.querySelectorAll(".sdft-field[data-name]")) {
    const own = /** @type {HTMLElement} */ (element).dataset.name;
    const sentences = faults.filter(([name]) => name === own).map(([, sentence]) => sentence);
    const sentence = [...new Set(sentences)].join("\n");
    element.classList.toggle("sdft-faulty", sentence !== "");
    const place = find(element, ".sdft-fault");
    if (place.textContent !== sentence) place.textContent = sentence;
    find(element, "input, select, textarea").setAttribute("aria-invalid", String(sentence !== ""));
  }
}
