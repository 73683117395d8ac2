// The fields of a method's options, in the panels Settings, Saving and Generate.
import { fill, find, h } from "./dom.mjs";
import { field } from "./fields.mjs";
import { groupsFor, methodOf } from "./form.mjs";
import { putAt, valueAt } from "./values.mjs";
/** @import { Form, Group, Option, PanelName, Project } from "./types.d.ts" */

/**
 * The panels: `settings`, `saving`, `generate`, `show(project)`.
 * @param {Form} form
 * @param {HTMLElement} above stands above all options
 * @param {HTMLElement} fit stands below the options of no group
 * @param {(name: string) => void} changed
 */
export function makeOptions(form, above, fit, changed) {
  const settings = h("div", {});
  const saving = h("div", {});
  const generate = h("div", {});

  /**
   * The fields of the method; what does not apply to it is not there.
   * @param {Project} project
   */
  function show(project) {
    const method = methodOf(form, project);
    const make = (/** @type {Option} */ option) => field(option, option.name, project.settings, changed);
    /** @param {PanelName} panel */
    const content = (panel) => {
      const groups = groupsFor(form, panel, project);
      const foremost = groups.flatMap((each) => each.fields.filter((option) => option.foremost));
      return [foremost.map(make), groups.map((each) => fold(each, make))];
    };
    const choose = (/** @type {string} */ chosen) => {
      swap(form, project, method, chosen);
      project.settings.method = chosen;
      show(project);
      changed("method");
      find(settings, `input[name="sd_finetune_method"][value="${chosen}"]`).focus();
    };
    const top = form.fields.map((option) =>
      option.name === "method" ? methods(option, method, choose) : make(option),
    );
    fill(settings, above, top, fit, content("settings"));
    fill(saving, content("saving"));
    fill(generate, content("generate"));
  }

  return { settings, saving, generate, show };
}

/**
 * What of a group is not foremost; nothing where there is no more.
 * @param {Group} group
 * @param {(option: Option) => HTMLElement} make
 */
function fold(group, make) {
  const rest = group.fields.filter((option) => !option.foremost && !option.elsewhere);
  if (!rest.length) return null;
  return h(
    "details",
    { class: "sdft-fold", "data-group": group.name },
    h("summary", { title: group.help }, group.label),
    h("p", { class: "sdft-about" }, group.help),
    rest.map(make),
  );
}

/**
 * Pills; below them why some cannot be chosen here, or what is wrong with the one that is.
 * @param {Option} option
 * @param {string} method the one that is chosen
 * @param {(method: string) => void} choose
 */
function methods(option, method, choose) {
  const one = (/** @type {string} */ value) => {
    const checked = value === method;
    const why = option.unavailable[value] ?? "";
    const input = h("input", {
      type: "radio",
      name: "sd_finetune_method",
      value,
      checked,
      disabled: why !== "" && !checked,
      onchange: () => choose(value),
    });
    return h("label", { title: why }, input, h("span", {}, option.titles[value] ?? value));
  };
  const others = option.choices.filter((value) => value !== method && option.unavailable[value]);
  return h(
    "div",
    { class: "sdft-field sdft-method", "data-name": option.name },
    h(
      "fieldset",
      { class: "sdft-methods", "aria-describedby": "sd_finetune_method_fault" },
      h("legend", {}, option.label),
      option.choices.map(one),
    ),
    others.map((value) => h("p", { class: "sdft-about" }, option.unavailable[value])),
    h("div", { class: "sdft-fault", id: "sd_finetune_method_fault", role: "alert" }),
  );
}

/**
 * What follows the method becomes what it was when the new one was left, or else what suits it.
 * @param {Form} form
 * @param {Project} project
 * @param {string} from
 * @param {string} to
 */
function swap(form, project, from, to) {
  const { settings, method_defaults: defaults } = project;
  const fields = [...form.fields, ...form.groups.flatMap((each) => each.fields)];
  const follow = fields.filter((option) => option.follows_method).map((option) => option.name);
  const names = [...new Set([...follow, ...Object.keys(defaults[from] ?? {}), ...Object.keys(defaults[to] ?? {})])];
  const left = (project.left ??= {});
  left[from] = Object.fromEntries(names.map((name) => [name, valueAt(settings, name)]));
  const values = { ...defaults[to], ...left[to] };
  for (const name of names) putAt(settings, name, values[name]);
}
