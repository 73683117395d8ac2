// Options that other options switch on: what is ignored is not shown.
import { valueAt } from "./values.mjs";
/** @import { Condition, Form, Option, Project, Settings } from "./types.d.ts" */

const CONCEPTS = "concepts.";

/**
 * Whether an option has an effect with this method and these settings.
 * @param {Option} option
 * @param {Form} form where the defaults of the others are
 * @param {Settings} settings
 * @param {string} method
 * @param {string} place of its concept, as "concepts.1."; "" for other options
 */
export function hasEffect(option, form, settings, method, place = "") {
  const applies = option.methods.includes(method) || option.kind === "flag"; // one that is on is a fault to fix
  return applies && option.conditions.every((each) => holds(each, form, settings, method, place));
}

/**
 * @param {Condition} condition
 * @param {Form} form
 * @param {Settings} settings
 * @param {string} method
 * @param {string} place
 */
function holds({ name, values, others, methods }, form, settings, method, place) {
  if (methods.length && !methods.includes(method)) return true;
  const option = form.groups.flatMap((group) => group.fields).find((each) => each.name === name);
  const value = /** @type {never} */ (valueAt(settings, name.replace(CONCEPTS, place)) ?? option?.default);
  return values.length ? values.includes(value) : !others.includes(value);
}

/**
 * Hide the fields of options without an effect, but for a field that shows a fault, and folds that have no others.
 * @param {HTMLElement} root
 * @param {Form} form
 * @param {Project} project
 * @param {string} method
 */
export function showEffective(root, form, project, method) {
  const options = new Map(form.groups.flatMap((group) => group.fields).map((option) => [option.name, option]));
  const fields = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll(".sdft-field[data-name]"));
  for (const field of fields) {
    const name = field.dataset.name ?? "";
    const place = /^concepts\.\d+\./.exec(name)?.[0] ?? "";
    const option = options.get(place ? name.replace(place, CONCEPTS) : name);
    const faulty = field.classList.contains("sdft-faulty");
    if (option) field.hidden = !faulty && !hasEffect(option, form, project.settings, method, place);
  }
  const folds = /** @type {NodeListOf<HTMLElement>} */ (root.querySelectorAll("details.sdft-fold"));
  for (const fold of folds) {
    const inner = fold.querySelectorAll(".sdft-field[data-name]");
    fold.hidden = inner.length > 0 && [...inner].every((each) => /** @type {HTMLElement} */ (each).hidden);
  }
}
