// What to fix before training, and the way there.
import { button, fill, find, h } from "./dom.mjs";
import { showFaults } from "./fields.mjs";
import { counted } from "./figures.mjs";
import { valueAt } from "./values.mjs";
/** @import { makePanels } from "./panels.mjs" */
/** @import { Form, Project } from "./types.d.ts" */

/** @typedef {[name: string, sentence: string]} Told */

/**
 * The list: `element`, `say(sentence)`, `begin()` with another project, `show(project)` after a check, `insist()` shows
 * all faults and leads to the first one.
 *
 * A fault is shown beside its field and in the list once something was entered there, once the field was left, or once
 * training was asked for. Until then it is only said what is needed. A contradiction is shown as soon as one of its
 * fields would show it, but where what is at fault is that nothing was entered yet.
 * @param {HTMLElement} root the whole tab
 * @param {Form} form where the defaults are
 * @param {ReturnType<typeof makePanels>} panels
 * @param {() => Promise<void>} settle what is being edited is kept and checked afterwards
 */
export function makeProblems(root, form, panels, settle) {
  const element = h("div", { class: "sdft-mend", role: "status", "aria-live": "polite" });
  const options = form.groups.flatMap((group) => group.fields);
  const defaults = new Map(options.map((option) => [option.name, /** @type {unknown} */ (option.default)]));
  /** @type {Project | null} */
  let project = null;
  /** @type {Set<string>} */
  let left = new Set();
  let insisted = false;

  root.addEventListener("focusout", async ({ target }) => {
    const name = target instanceof Element ? nameOf(target) : "";
    if (!name || left.has(name)) return;
    left.add(name);
    await settle();
    if (project) show(project);
  });

  /** @param {string} sentence */
  function say(sentence) {
    fill(element, sentence);
  }

  function begin() {
    project = null;
    left = new Set();
    insisted = false;
  }

  /** @param {Project} checked */
  function show(checked) {
    project = checked;
    const { faults, beside, warnings } = checked.check;
    const all = Object.entries(faults);
    const isTold = (/** @type {string} */ name) =>
      isShown(name, checked) ||
      (!isMissing(name, checked) && beside.some((each) => each.of === name && isShown(each.name, checked)));
    const shown = all.filter(([name]) => isTold(name));
    const again = beside.filter(({ of }) => isTold(of));
    showFaults(root, [...shown, ...again.map(({ name, sentence }) => /** @type {Told} */ ([name, sentence]))]);
    panels.mark(shown.map(([name]) => panelOf(name)));
    const folds = /** @type {NodeListOf<HTMLDetailsElement>} */ (root.querySelectorAll("details.sdft-fold"));
    for (const fold of folds) if (fold.querySelector(".sdft-faulty")) fold.open = true;
    const needed = all.filter(([name]) => !isTold(name));
    fill(
      element,
      shown.length ? h("b", {}, `Fix ${counted(shown.length, "problem")} before training:`) : null,
      shown.map(([name, sentence]) => line(name, sentence, "sdft-fault-link")),
      needed.length ? h("div", { class: "sdft-needed" }, "Needed before training: ", links(needed)) : null,
      all.length ? null : warnings.map(({ name, sentence }) => line(name, sentence, "sdft-warning")),
    );
  }

  /**
   * @param {string} name
   * @param {Project} checked
   */
  function isShown(name, checked) {
    if (insisted || left.has(name)) return true;
    const place = fieldOf(name);
    const editing = place?.contains(document.activeElement) && !place.classList.contains("sdft-faulty");
    return !editing && !isEmpty(valueAt(checked.settings, name));
  }

  /**
   * @param {string} name
   * @param {Project} checked
   */
  function isMissing(name, checked) {
    return isEmpty(valueAt(checked.settings, name) ?? defaults.get(name.replace(/^concepts\.\d+\./, "concepts.")));
  }

  function insist() {
    insisted = true;
    if (!project) return;
    show(project);
    const first = Object.keys(project.check.faults)[0];
    if (first) lead(first);
  }

  /** @param {string} name */
  function fieldOf(name) {
    const fields = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".sdft-field[data-name]"));
    return [...fields].find((each) => each.dataset.name === name) ?? null;
  }

  /** @param {string} name */
  function panelOf(name) {
    const place = fieldOf(name);
    return (place && panels.of(place)) ?? "concepts";
  }

  /**
   * @param {string} name
   * @param {string} sentence
   * @param {string} kind
   */
  function line(name, sentence, kind) {
    return button(`${panels.label(panelOf(name))} → ${sentence}`, () => lead(name), { class: `sdft-link ${kind}` });
  }

  /** @param {[name: string, sentence: string][]} needed */
  function links(needed) {
    return needed.map(([name, sentence], index) => {
      const label = fieldOf(name)?.querySelector("label")?.textContent ?? sentence;
      const link = button(label, () => lead(name), { class: "sdft-link sdft-inline", title: sentence });
      return [index ? ", " : "", link];
    });
  }

  /**
   * Open the panel of a field and go there.
   * @param {string} name
   */
  function lead(name) {
    const place = fieldOf(name);
    panels.open(panelOf(name));
    if (!place) return;
    place.hidden = false;
    const fold = place.closest("details");
    if (fold) fold.open = true;
    find(place, "button, input, select, textarea").focus();
  }

  return { element, say, begin, show, insist };
}

/** @param {Element} inside */
function nameOf(inside) {
  const field = /** @type {HTMLElement | null} */ (inside.closest(".sdft-field[data-name]"));
  return field?.dataset.name ?? "";
}

/** @param {unknown} value */
const isEmpty = (value) => value === undefined || value === "" || (Array.isArray(value) && value.length === 0);
