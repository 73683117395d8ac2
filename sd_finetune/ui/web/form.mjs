// Finds groups and options in the server's form.
import { valueAt } from "./values.mjs";
/** @import { Form, Group, Option, PanelName, Project } from "./types.d.ts" */

/**
 * @param {Form} form
 * @param {string} name
 */
export function groupOf(form, name) {
  const group = form.groups.find((each) => each.name === name);
  if (!group) throw new Error(`The form has no group ${name}.`);
  return group;
}

/**
 * @param {Form} form
 * @param {string} name with its group's: "data.resolution"
 */
export function optionOf(form, name) {
  const option = groupOf(form, name.split(".")[0]).fields.find((each) => each.name === name);
  if (!option) throw new Error(`The form has no option ${name}.`);
  return option;
}

/**
 * What each method is called.
 * @param {Form} form
 */
export function methodTitles(form) {
  return form.fields.find((option) => option.name === "method")?.titles ?? {};
}

/**
 * A project's method, or the default one.
 * @param {Form} form
 * @param {Project} project
 */
export function methodOf(form, project) {
  return String(project.settings.method ?? form.fields.find((option) => option.name === "method")?.default);
}

/**
 * The groups of a panel, with the options that apply to the project's method.
 * @param {Form} form
 * @param {PanelName} panel
 * @param {Project} project
 * @returns {Group[]}
 */
export function groupsFor(form, panel, project) {
  const method = methodOf(form, project);
  // A switch that is on for a method that has none is a fault, and can be mended where it is seen.
  const applies = (/** @type {Option} */ option) =>
    option.methods.includes(method) || (option.kind === "flag" && valueAt(project.settings, option.name) === true);
  return form.groups
    .filter((each) => each.panel === panel && (!each.method || each.method === method))
    .map((each) => ({ ...each, fields: each.fields.filter(applies) }));
}

/**
 * What settings are called on the page.
 * @param {Form} form
 * @param {string[]} names "method", "train.length", "concepts"
 */
export function labelsOf(form, names) {
  const options = [...form.fields, ...form.groups.flatMap((group) => group.fields), ...form.groups];
  return names.map((name) => options.find((each) => each.name === name)?.label ?? name).join(", ");
}

/**
 * What can be chosen on this machine may change while the page is open.
 * @param {Form} form is brought up to date
 * @param {Form} now
 */
export function takeChoices(form, now) {
  const all = (/** @type {Form} */ each) => [...each.fields, ...each.groups.flatMap((group) => group.fields)];
  const found = new Map(all(now).map((option) => [option.name, option]));
  for (const option of all(form)) {
    const { unavailable, titles } = found.get(option.name) ?? option;
    Object.assign(option, { unavailable, titles });
  }
}
