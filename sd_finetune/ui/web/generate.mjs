// Class pictures that were drawn, and pictures drawn now with what a run has made.
import { get, post, sentence } from "./api.mjs";
import { button, fill, h, labelled } from "./dom.mjs";
import { classFolder, drawnRow } from "./drawn.mjs";
/** @import { DrawRequest, Job, Model } from "./types.d.ts" */

/** @typedef {Job | { kind: "soon", model: string }} Work a job, or one that was asked for just now */

const BASE = JSON.stringify(["", ""]);
const RUNS = 10;
const DRAWN = 5;
const ABOUT = "What the untrained model draws of the class; with them training keeps what the model knew.";

/**
 * The lower part of the panel Generate: `element`, `show(model)`, `working(job)` when another job goes on.
 * @param {() => Promise<void>} save
 */
export function makeGenerate(save) {
  const said = h("div", { class: "sdft-message", role: "alert" });
  const classes = h("div", {});
  const drawn = h("div", {});
  const prompt = h("input", { type: "text", id: "sd_finetune_draw_prompt" });
  const seed = h("input", { type: "text", inputmode: "numeric", value: "0", id: "sd_finetune_draw_seed" });
  const many = h("input", { type: "text", inputmode: "numeric", value: "4", id: "sd_finetune_draw_count" });
  const source = h("select", { id: "sd_finetune_draw_with" });
  const make = button("Make missing class pictures", () => ask("class-images"));
  const draw = button("Draw", () => ask("draw", request()));
  const end = button("End drawing", () => ask("end"), { hidden: true, title: "What is finished stays" });
  const element = h(
    "div",
    {},
    h("div", { class: "sdft-row" }, said, end),
    h("h4", {}, "Class pictures"),
    h("p", {}, ABOUT),
    h("div", { class: "sdft-row" }, make),
    classes,
    h("h4", {}, "Draw now"),
    labelled("Prompt", prompt),
    labelled("With", source),
    labelled("First seed", seed),
    labelled("Pictures", many),
    h("div", { class: "sdft-row" }, draw),
    drawn,
  );
  /** @type {Model | null} */
  let model = null;
  /** @type {Work | null} */
  let job = null;

  /**
   * @param {"class-images" | "draw" | "end"} what
   * @param {DrawRequest} [content]
   */
  async function ask(what, content) {
    if (!model) return;
    said.textContent = "";
    try {
      await save();
      await post(["models", model.name, what], content);
      if (what !== "end") working({ kind: "soon", model: model.name });
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  /** @returns {DrawRequest} */
  function request() {
    const [run, result] = JSON.parse(source.value);
    return { prompt: prompt.value, seed: Number(seed.value), count: Number(many.value), run, result };
  }

  async function read() {
    if (!model) return;
    const { name } = model;
    const asked = Promise.all([get("models", name, "class-pictures"), get("models", name, "drawn")]);
    const [folders, pictures] = await asked.catch(() => [[], []]);
    if (model.name !== name) return;
    const opened = /** @type {NodeListOf<HTMLElement>} */ (classes.querySelectorAll("details[open]"));
    const open = new Set([...opened].map((each) => each.dataset.key));
    const rows = folders.map((folder) => classFolder(name, folder, open.has(folder.key), read));
    fill(classes, rows);
    fill(
      drawn,
      pictures.slice(0, DRAWN).map((entry) => drawnRow(name, entry)),
    );
  }

  /** @param {Model} shown */
  async function show(shown) {
    model = shown;
    const { name, runs, settings } = shown;
    if (!prompt.value) prompt.value = settings.samples?.prompts?.[0] ?? settings.concepts?.[0]?.instance_prompt ?? "";
    const lists = await Promise.all(runs.slice(0, RUNS).map((run) => resultsOf(name, run)));
    fill(source, lists, h("option", { value: BASE }, "the untrained base"));
    read();
  }

  /** @param {Work | null} now */
  function working(now) {
    const mine = now && now.kind !== "train" && now.model === model?.name ? now : null;
    make.disabled = draw.disabled = now !== null;
    end.hidden = !mine || mine.kind === "soon";
    if (mine) said.textContent = progress(mine);
    else if (job && job.kind !== "train") said.textContent = "Done.";
    if (mine || (job && !now)) read();
    job = now;
  }

  return { element, show, working };
}

/**
 * A choice for each result of a run, the latest first.
 * @param {string} model
 * @param {string} run
 */
async function resultsOf(model, run) {
  const results = await get("models", model, "runs", run, "results").catch(() => []);
  return results
    .reverse()
    .map(({ name, step }) => h("option", { value: JSON.stringify([run, name]) }, `${run}: ${name}, step ${step}`));
}

/** @param {Work} work */
function progress(work) {
  if (work.kind === "soon") return "Started.";
  if (work.kind === "draw") return "Drawing.";
  const { phase } = work;
  return phase?.name === "class images"
    ? `Class pictures: ${phase.done} of ${phase.total}.`
    : `Class pictures are being made: ${phase?.name ?? "starting"}.`;
}
