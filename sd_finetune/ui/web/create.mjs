// Create Model: from a checkpoint, or continuing from an earlier run.
import { get, post, sentence } from "./api.mjs";
import { button, h, labelled, offer } from "./dom.mjs";
import { number } from "./figures.mjs";
/** @import { Checkpoint, Model, Origin } from "./types.d.ts" */

const SAMPLER = "Sampler for samples and class images; can be changed for each under Generate";
const CONTINUE =
  "A snapshot continues at its step with its optimizer state; a result gives a new run its starting weights. " +
  "Method and settings are copied.";
const LESSON = "First time here? The toy checkpoint learns a two-colored star in about a minute, without a GPU.";

/**
 * The panel: `element`, `show(checkpoints)`, `read()` asks again what can be continued from.
 * @param {string[]} samplers
 * @param {boolean} lesson whether there is a first one
 * @param {(model: Model, train: boolean) => Promise<void>} created called after each; `train`: begin at once
 */
export function makeCreate(samplers, lesson, created) {
  const name = h("input", { type: "text", id: "sd_finetune_name" });
  const source = h("select", { id: "sd_finetune_source" });
  const path = h("input", {
    type: "text",
    id: "sd_finetune_source_path",
    placeholder: "or the path of an SD 1.x .safetensors file",
  });
  const sampler = h(
    "select",
    { id: "sd_finetune_sampler" },
    h("option", { value: "" }, "default"),
    samplers.map((each) => h("option", { value: each }, each)),
  );
  const origin = h("select", { id: "sd_finetune_origin", onchange: showFields });
  const said = h("div", { class: "sdft-message", role: "alert" });
  const ofCheckpoint = [
    labelled("Source checkpoint", source),
    labelled("Another file", path),
    labelled("Sampler", sampler, SAMPLER),
  ];
  const submit = { type: "submit", class: "sdft-button sdft-primary", id: "sd_finetune_create" };
  const form = h(
    "form",
    { onsubmit: send },
    labelled("Name", name),
    ofCheckpoint,
    labelled("Continue from", origin, CONTINUE),
    h("div", { class: "sdft-row" }, h("button", submit, "Create Model")),
  );
  const teach = button("Teach the toy its star", () => create(() => post(["lesson"]), true), {
    id: "sd_finetune_lesson",
  });
  const first = h("div", { class: "sdft-lesson" }, h("p", {}, LESSON), teach);
  const element = h("div", {}, form, said, lesson ? first : null);
  showFields();

  /**
   * @param {() => Promise<Model>} request
   * @param {boolean} train
   */
  async function create(request, train) {
    said.textContent = "";
    try {
      const model = await request();
      name.value = path.value = origin.value = "";
      showFields();
      await created(model, train);
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  /** @param {Event} event */
  function send(event) {
    event.preventDefault();
    const from = origin.value
      ? { continue_from: JSON.parse(origin.value) }
      : { checkpoint: path.value.trim() || source.value, sampler: sampler.value };
    create(() => post(["models"], { name: name.value, ...from }), false);
  }

  /** What an earlier run decides is not asked for. */
  function showFields() {
    for (const each of ofCheckpoint) each.hidden = origin.value !== "";
  }

  async function read() {
    const found = await get("origins").catch(() => []);
    offer(origin, [["", "nothing: start from the checkpoint"], ...found.map(choice)]);
    showFields();
  }

  /** @param {Checkpoint[]} checkpoints */
  function show(checkpoints) {
    offer(
      source,
      checkpoints.map((each) => [each.title, each.loaded ? `${each.title} (loaded)` : each.title]),
    );
  }

  return { element, show, read };
}

/**
 * @param {Origin} origin
 * @returns {[value: string, label: string]}
 */
function choice({ model, run, what, method, step }) {
  return [JSON.stringify({ model, run, what }), `${run}: ${what}, step ${number(step)} (${method})`];
}
