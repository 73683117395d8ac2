// Class pictures that were drawn, and pictures drawn now with what a run has made.
import { address, get, post } from "./api.mjs";
import { fill, h } from "./dom.mjs";

/** The lower part of the panel Generate: `element`, `show(model)`, `working(job)` when another job goes on. */
export function makeGenerate(save) {
  const said = h("div", { class: "sdft-message", role: "alert" });
  const classes = h("div", {});
  const drawn = h("div", {});
  const prompt = h("input", { type: "text", id: "sd_finetune_draw_prompt" });
  const seed = h("input", { type: "text", inputmode: "numeric", value: "0", id: "sd_finetune_draw_seed" });
  const many = h("input", { type: "text", inputmode: "numeric", value: "4", id: "sd_finetune_draw_count" });
  const source = h("select", { id: "sd_finetune_draw_with" });
  const make = h("button", { type: "button", class: "sdft-button", onclick: () => ask(["class-images"], {}) }, "Make missing class pictures");
  const draw = h("button", { type: "button", class: "sdft-button", onclick: () => ask(["draw"], request()) }, "Draw");
  const end = h("button", { type: "button", class: "sdft-button", hidden: true, title: "What is finished stays", onclick: () => ask(["end"], {}) }, "End drawing");
  const labelled = (text, input) => h("div", { class: "sdft-field" }, h("label", { for: input.id }, text), h("span", { class: "sdft-inputs" }, input));
  const element = h("div", {}, h("div", { class: "sdft-row" }, said, end),
    h("h4", {}, "Class pictures"), h("p", {}, "What the untrained model draws of the class; with them training keeps what the model knew."), h("div", { class: "sdft-row" }, make), classes,
    h("h4", {}, "Draw now"), labelled("Prompt", prompt), labelled("With", source), labelled("First seed", seed), labelled("Pictures", many), h("div", { class: "sdft-row" }, draw), drawn);
  let model = null;
  let job = null;

  async function ask(parts, content) {
    said.textContent = "";
    try {
      await save();
      await post(["models", model.name, ...parts], content);
      if (parts[0] !== "end") working({ kind: "soon", model: model.name });
    } catch (error) {
      said.textContent = error.message;
    }
  }

  function request() {
    const [run, result] = JSON.parse(source.value);
    return { prompt: prompt.value, seed: Number(seed.value), count: Number(many.value), run, result };
  }

  async function read() {
    if (!model) return;
    const name = model.name;
    const [folders, pictures] = await Promise.all([get("models", name, "class-pictures"), get("models", name, "drawn")]).catch(() => [[], []]);
    if (model.name !== name) return;
    const open = [...classes.querySelectorAll("details[open]")].map((each) => each.dataset.key);
    fill(classes, folders.map((folder) => classFolder(name, folder, open.includes(folder.key), read)));
    fill(drawn, pictures.slice(0, 5).map((entry) => drawnRow(name, entry)));
  }

  async function show(shown) {
    model = shown;
    const prompts = model.settings.samples?.prompts ?? [];
    if (!prompt.value) prompt.value = prompts[0] ?? model.settings.concepts?.[0]?.instance_prompt ?? "";
    const base = h("option", { value: JSON.stringify(["", ""]) }, "the untrained base");
    const lists = await Promise.all(model.runs.slice(0, 10).map((run) => get("models", model.name, "runs", run, "results").then((list) => [run, list])).map((asked) => asked.catch(() => ["", []])));
    const options = lists.flatMap(([run, list]) => [...list].reverse().map((entry) => h("option", { value: JSON.stringify([run, entry.name]) }, `${run}: ${entry.name}, step ${entry.step}`)));
    fill(source, options, base);
    read();
  }

  function working(now) {
    const mine = now && now.kind !== "train" && now.model === model?.name;
    make.disabled = draw.disabled = now !== null && now !== undefined;
    end.hidden = !mine || now.kind === "soon";
    if (mine) said.textContent = progress(now);
    else if (job && job.kind !== "train") said.textContent = "Done.";
    if (mine || (job && !now)) read();
    job = now;
  }

  return { element, show, working };
}

function progress(job) {
  if (job.kind === "soon") return "Started.";
  if (job.kind === "draw") return "Drawing.";
  const { name, done, total } = job.phase ?? {};
  return name === "generating class images" ? `Class pictures: ${done} of ${total}.` : `Class pictures are being made: ${name ?? "starting"}.`;
}

function classFolder(model, folder, open, again) {
  const one = (name) => {
    const remove = async () => (await post(["models", model, "class-pictures", folder.key, name, "delete"]), again());
    return h("figure", {}, h("img", { src: address("models", model, "class-pictures", folder.key, name), alt: `${folder.prompt}, ${name}`, loading: "lazy" }),
      h("button", { type: "button", class: "sdft-button sdft-small", title: "Delete; drawn again when it is next needed, and another one if Class images: seed was changed", "aria-label": `Delete ${name}`, onclick: remove }, "×"));
  };
  return h("details", { class: "sdft-fold", "data-key": folder.key, open }, h("summary", {}, `${folder.pictures.length} pictures of "${folder.prompt}"`), h("div", { class: "sdft-thumbnails" }, folder.pictures.slice(0, 100).map(one)));
}

function drawnRow(model, entry) {
  const picture = (name) => h("figure", {}, h("a", { href: address("models", model, "drawn", entry.key, name), target: "_blank" }, h("img", { src: address("models", model, "drawn", entry.key, name), alt: entry.prompt, loading: "lazy" })));
  return h("div", { class: "sdft-drawn" }, h("div", {}, entry.prompt, h("small", {}, ` seed ${entry.seed}, ${entry.with || "untrained base"}`)),
    entry.error ? h("div", { class: "sdft-fault" }, entry.error) : null, h("div", { class: "sdft-pictures" }, entry.pictures.map(picture)));
}
