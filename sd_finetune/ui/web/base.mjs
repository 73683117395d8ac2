// Which checkpoint training starts from: the loaded one, one of the list, or a file.
import { post, sentence } from "./api.mjs";
import { button, fill, h, labelled, offer, oneAtATime, whenQuiet } from "./dom.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { Checkpoint, Project } from "./types.d.ts" */

const LOADED = "";
const QUIET = 400;

/**
 * The choice: `fields`, `show(checkpoints)`, `value()` (null: the loaded one), `clear()`.
 * @param {string} id of its first field
 * @param {(usable: boolean) => void} checked called once it is known whether the choice can be trained
 */
export function makeBaseChoice(id, checked) {
  const select = h("select", { id, onchange: choose, "aria-describedby": `${id}_fault` });
  const path = h("input", {
    type: "text",
    id: `${id}_path`,
    autocomplete: "off",
    spellcheck: "false",
    placeholder: "or the path of a checkpoint or diffusers folder",
    oninput: choose,
    "aria-describedby": `${id}_fault`,
  });
  const fault = h("div", { class: "sdft-fault", id: `${id}_fault`, role: "alert" });
  const ask = whenQuiet(QUIET, check);
  /** Why titles cannot be trained from, by the title. @type {Map<string, string>} */
  const refused = new Map();
  let known = "";

  /** @returns {string | null} */
  function value() {
    return path.value.trim() || (select.value === LOADED ? null : select.value);
  }

  function choose() {
    fault.textContent = "";
    checked(true);
    ask();
  }

  /** Say why the choice cannot be trained from before anything else is entered. */
  async function check() {
    const asked = value();
    try {
      const told = await post(["bases", "check"], { checkpoint: asked });
      if (asked !== value()) return;
      fault.textContent = told.fault;
      checked(told.fault === "");
      if (told.fault) refused.set(told.title, told.fault);
      mark();
    } catch {
      checked(true); // what is wrong is told when it is used
    }
  }

  function mark() {
    for (const option of select.options) {
      const why = refused.get(option.value) ?? "";
      option.title = why;
      option.disabled = why !== "" && !option.selected;
    }
  }

  /** @param {Checkpoint[]} checkpoints */
  function show(checkpoints) {
    const loaded = checkpoints.find((each) => each.loaded);
    /** @type {[string, string][]} */
    const first = loaded ? [[LOADED, `The loaded checkpoint: ${loaded.title}`]] : [];
    offer(select, [...first, ...checkpoints.map(({ title }) => /** @type {[string, string]} */ ([title, title]))]);
    mark();
    const now = JSON.stringify([select.value, loaded?.title]);
    if (now !== known && checkpoints.length) choose();
    known = now;
  }

  const element = [labelled("Source checkpoint", select), labelled("Another file or folder", path), fault];
  return {
    fields: element,
    show,
    value,
    clear() {
      path.value = "";
    },
  };
}

/**
 * The base checkpoint of a project, which can be changed: `element`, `show(project)`, `offer(checkpoints)`.
 * @param {Act} act
 * @param {() => Promise<boolean>} changed shows the project anew
 */
export function makeBase(act, changed) {
  const said = h("div", { class: "sdft-fault", id: "sd_finetune_base_fault", role: "alert" });
  const title = h("span", { class: "sdft-base" });
  const use = button(
    "Use this checkpoint",
    oneAtATime(change, () => project),
    { class: "sdft-button sdft-primary" },
  );
  const choice = makeBaseChoice("sd_finetune_base", (usable) => {
    use.disabled = !usable;
  });
  const cancel = button("Cancel", () => {
    toggle(false);
    open.focus();
  });
  const others = h(
    "div",
    { class: "sdft-others", hidden: true },
    choice.fields,
    h("div", { class: "sdft-row" }, use, cancel),
  );
  const look = () => {
    toggle(true);
    others.querySelector("select")?.focus();
  };
  const open = button("Change base", look, {
    class: "sdft-button sdft-small",
    id: "sd_finetune_change_base",
  });
  const label = h("label", { for: open.id }, "Base checkpoint");
  /** @type {Checkpoint[]} */
  let known = [];
  let project = "";

  /** @param {boolean} whether */
  function toggle(whether) {
    others.hidden = !whether;
    said.textContent = "";
    if (whether) choice.show(known);
  }

  async function change() {
    const checkpoint = choice.value();
    said.textContent = "";
    try {
      if (!(await act((name) => post(["projects", name, "base"], { checkpoint })))) return;
      choice.clear();
      toggle(false);
      open.focus();
      await changed();
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  return {
    element: h(
      "div",
      { class: "sdft-field", "data-name": "base.checkpoint" },
      label,
      h("span", { class: "sdft-inputs" }, title, open),
      said,
      others,
    ),
    /** @param {Project} shown */
    show(shown) {
      if (shown.name !== project) toggle(false);
      project = shown.name;
      fill(title, shown.base);
      title.title = shown.settings.base?.checkpoint ?? "";
    },
    /** @param {Checkpoint[]} checkpoints */
    offer(checkpoints) {
      known = checkpoints;
      if (!others.hidden) choice.show(checkpoints);
    },
  };
}
