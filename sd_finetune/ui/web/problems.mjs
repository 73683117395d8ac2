// What to fix before training, and the way there.
import { button, fill, find, h } from "./dom.mjs";
import { showFaults } from "./fields.mjs";
import { counted } from "./figures.mjs";
/** @import { Check } from "./types.d.ts" */
/** @import { makePanels } from "./panels.mjs" */

/**
 * The list: `element`, `say(sentence)`, `show(check)`, `lead(name)` opens the panel of a faulty field and goes there.
 * @param {HTMLElement} root the whole tab
 * @param {ReturnType<typeof makePanels>} panels
 */
export function makeProblems(root, panels) {
  const element = h("div", { class: "sdft-mend", role: "status", "aria-live": "polite" });

  /** @param {string} sentence */
  function say(sentence) {
    fill(element, sentence);
  }

  /** @param {Check} check */
  function show(check) {
    showFaults(root, check.faults);
    const folds = /** @type {NodeListOf<HTMLDetailsElement>} */ (root.querySelectorAll("details.sdft-fold"));
    for (const fold of folds) if (fold.querySelector(".sdft-faulty")) fold.open = true;
    const faults = Object.entries(check.faults);
    const lines = faults.map(([name, sentence]) => button(sentence, () => lead(name), { class: "sdft-fault-link" }));
    const warnings = check.warnings.map((sentence) => h("div", { class: "sdft-warning" }, sentence));
    fill(
      element,
      faults.length ? [h("b", {}, `Fix ${counted(faults.length, "problem")} before training:`), lines] : warnings,
    );
  }

  /** @param {string} name */
  function lead(name) {
    const fields = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".sdft-field"));
    const place = [...fields].find((each) => each.dataset.name === name);
    panels.open((place && panels.of(place)) ?? "concepts");
    if (place) find(place, "input, select, textarea").focus();
  }

  return { element, say, show, lead };
}
