// Create Model: from a checkpoint, or continuing from an earlier run.
import { get, post, sentence } from "./api.mjs";
import { makeBaseChoice } from "./base.mjs";
import { button, h, labelled, offer, oneAtATime } from "./dom.mjs";
import { number } from "./figures.mjs";
/** @import { ContinuationSource, Option, Project } from "./types.d.ts" */

const SAMPLER = "For samples and class images; can be changed for each under Generate";
const CONTINUE =
  "A snapshot continues at its step with its optimizer state; a result gives a new run its starting weights. " +
  "Method and settings are copied.";
const EXAMPLE = "First time here? The toy checkpoint learns a two-colored star in about a minute, without a GPU.";

/**
 * The panel: `element`, `show(checkpoints)`, `read()` asks again what can be continued from.
 * @param {Option} samplers
 * @param {boolean} example whether there is one for a first visitor
 * @param {string} note what is to be known of its result here, or nothing
 * @param {(project: Project, train: boolean) => Promise<void>} created called after each; `train`: begin at once
 */
export function makeCreate(samplers, example, note, created) {
  const name = h("input", { type: "text", id: "sd_finetune_name" });
  const make = h(
    "button",
    { type: "submit", class: "sdft-button sdft-primary", id: "sd_finetune_create" },
    "Create Model",
  );
  const base = makeBaseChoice("sd_finetune_source", (usable) => {
    unusable = !usable;
    showFields();
  });
  let unusable = false;
  const sampler = h(
    "select",
    { id: "sd_finetune_sampler" },
    h("option", { value: "" }, "default"),
    samplers.choices.map((each) => h("option", { value: each }, samplers.titles[each] ?? each)),
  );
  const earlier = h("select", { id: "sd_finetune_continue_from", onchange: showFields });
  const said = h("div", { class: "sdft-message", role: "alert" });
  const ofCheckpoint = [h("div", {}, base.fields), labelled("Sampling method", sampler, SAMPLER)];
  const form = h(
    "form",
    { onsubmit: send },
    labelled("Name", name),
    ofCheckpoint,
    labelled("Continue from", earlier, CONTINUE),
    h("div", { class: "sdft-row" }, make),
  );
  const create = oneAtATime(ask);
  const teach = button("Teach the toy its star", () => create(() => post(["example"]), true), {
    id: "sd_finetune_example",
  });
  const first = h("div", { class: "sdft-example" }, h("p", {}, `${EXAMPLE} ${note}`), teach);
  const element = h("div", {}, form, said, example ? first : null);
  showFields();

  /**
   * @param {() => Promise<Project>} request
   * @param {boolean} train
   */
  async function ask(request, train) {
    said.textContent = "";
    try {
      const project = await request();
      base.clear();
      name.value = earlier.value = "";
      showFields();
      await created(project, train);
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  /** @param {Event} event */
  function send(event) {
    event.preventDefault();
    const from = earlier.value
      ? { continue_from: JSON.parse(earlier.value) }
      : { checkpoint: base.value(), sampler: sampler.value };
    create(() => post(["projects"], { name: name.value, ...from }), false);
  }

  /** What an earlier run decides is not asked for. */
  function showFields() {
    for (const each of ofCheckpoint) each.hidden = earlier.value !== "";
    make.disabled = unusable && earlier.value === "";
  }

  async function read() {
    const found = await get("continuation-sources").catch(() => []);
    offer(earlier, [["", "none (start from the checkpoint)"], ...found.map(choice)]);
    showFields();
  }

  return { element, show: base.show, read };
}

/**
 * @param {ContinuationSource} source
 * @returns {[value: string, label: string]}
 */
function choice({ project, run, what, method, step }) {
  return [JSON.stringify({ project, run, what }), `${run}: ${what}, step ${number(step)} (${method})`];
}
