// Create Model: from a checkpoint, or going on from what an earlier run made.
import { get, post } from "./api.mjs";
import { h, number, offer } from "./dom.mjs";

const SNAPSHOT = "snapshot";

/** The panel: `element`, `show(checkpoints)`, `read()` asks again what can be gone on from. `created(model)` after each. */
export function makeCreate(samplers, lesson, created) {
  const name = h("input", { type: "text", id: "sd_finetune_name" });
  const source = h("select", { id: "sd_finetune_source" });
  const path = h("input", {
    type: "text",
    id: "sd_finetune_source_path",
    placeholder: "or the path of any SD 1.x .safetensors file",
  });
  const sampler = h(
    "select",
    { id: "sd_finetune_sampler" },
    h("option", { value: "" }, "the usual one"),
    samplers.map((each) => h("option", { value: each }, each)),
  );
  const origin = h("select", { id: "sd_finetune_origin", onchange: () => showFields() });
  const said = h("div", { class: "sdft-message", role: "alert" });
  const row = (text, input, help = "") =>
    h(
      "div",
      { class: "sdft-field" },
      h("label", { for: input.id, title: help }, text),
      h("span", { class: "sdft-inputs" }, input),
    );
  const ofCheckpoint = [
    row("Source checkpoint", source),
    row("Another file", path),
    row(
      "Noise scheduler",
      sampler,
      "How samples and class pictures are drawn; can be changed for each later, under Generate",
    ),
  ];
  const form = h(
    "form",
    { onsubmit: send },
    row("Name", name),
    ofCheckpoint,
    row(
      "Continue from",
      origin,
      "A snapshot goes on at its step, with its optimizer; a result is where a new training starts. Method and settings are taken over.",
    ),
    h(
      "div",
      { class: "sdft-row" },
      h("button", { type: "submit", class: "sdft-button sdft-primary", id: "sd_finetune_create" }, "Create Model"),
    ),
  );
  const first = h(
    "div",
    { class: "sdft-lesson" },
    h("p", {}, "First time here? The toy checkpoint learns a star of two colours in about a minute, without a GPU."),
    h(
      "button",
      {
        type: "button",
        class: "sdft-button",
        id: "sd_finetune_lesson",
        onclick: () => create(() => post(["lesson"]), true),
      },
      "Teach the toy its star",
    ),
  );
  const element = h("div", {}, form, said, lesson ? first : null);
  showFields();

  async function create(request, train) {
    said.textContent = "";
    try {
      const model = await request();
      name.value = path.value = origin.value = "";
      showFields();
      await created(model, train);
    } catch (error) {
      said.textContent = error.message;
    }
  }

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
    const option = ({ model, run, what, method, step }) => {
      const made = what === SNAPSHOT ? "snapshot" : what;
      return [JSON.stringify({ model, run, what }), `${run}: ${made}, step ${number(step)} (${method})`];
    };
    offer(origin, [["", "nothing, start anew"], ...found.map(option)]);
    showFields();
  }

  function show(checkpoints) {
    offer(
      source,
      checkpoints.map((each) => [each.title, each.loaded ? `${each.title} (loaded)` : each.title]),
    );
  }

  return { element, show, read };
}
