// The tab: what is decided on the left, what happens on the right.
import { get, post } from "./api.mjs";
import { makeConcepts } from "./concepts.mjs";
import { makeCreate } from "./create.mjs";
import { fill, h, number, offer, roughly, whenQuiet } from "./dom.mjs";
import { field, putAt, showFaults, valueAt } from "./fields.mjs";
import { makeFit } from "./fit.mjs";
import { makeGenerate } from "./generate.mjs";
import { makeOutput } from "./output.mjs";
import { makePanels } from "./panels.mjs";
import { refreshLists } from "./use.mjs";

const LAST_MODEL = "sd_finetune_model";
const LOOK_AGAIN = 1000;

/** Put the tab into `root`, an element with the id sd_finetune_root. */
export async function mount(root) {
  if (root.dataset.mounted) return;
  root.dataset.mounted = "1";
  fill(root, h("p", { class: "sdft-empty" }, "Loading"));
  for (let pause = 500; ; pause = Math.min(5000, pause * 1.5)) {
    try {
      return new Tab(root, await get("start"));
    } catch (error) {
      fill(
        root,
        h(
          "p",
          { class: "sdft-message", role: "alert" },
          `The server does not answer (${error.message}); trying again.`,
        ),
      );
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

class Tab {
  constructor(root, start) {
    this.root = root;
    this.start = start;
    this.model = null;
    this.job = start.job;
    this.keep = whenQuiet(350, () => this.save());
    const changed = (name) => this.changed(name);
    const group = (name) => start.form.groups.find((each) => each.name === name);
    const side = group("data").fields.find((option) => option.name === "data.resolution").default;
    this.concepts = makeConcepts(group("concepts"), side, changed, () => this.save());
    this.generate = makeGenerate(() => this.save());
    this.output = makeOutput(
      () => this.ended(),
      () => this.reread(),
    );
    const samplers = group("samples").fields.find((option) => option.name === "samples.sampler").choices;
    this.create = makeCreate(samplers, start.lesson, (model, train) => this.created(model, train));
    this.fit = makeFit(
      () => this.model.name,
      () => this.saveNow(),
      () => this.reread(),
    );
    this.models = h("select", { id: "sd_finetune_model", onchange: () => this.select(this.models.value) });
    this.facts = h("span", { class: "sdft-facts" });
    this.train = h(
      "button",
      { type: "button", id: "sd_finetune_generate", class: "sdft-button sdft-primary", onclick: () => this.begin() },
      "Train",
    );
    this.remove = h(
      "button",
      { type: "button", class: "sdft-button", title: "Delete this model with its runs", onclick: () => this.delete() },
      "Delete",
    );
    this.mend = h("div", { class: "sdft-mend", role: "status", "aria-live": "polite" });
    this.panels = makePanels([
      ["create", "Create Model", this.create.element],
      ["settings", "Settings", (this.settingsPanel = h("div", {}))],
      ["concepts", "Concepts", this.concepts.element],
      ["saving", "Saving", (this.savingPanel = h("div", {}))],
      ["generate", "Generate", h("div", {}, (this.generatePanel = h("div", {})), this.generate.element)],
    ]);
    const top = h(
      "div",
      { class: "sdft-top" },
      h("label", { for: "sd_finetune_model" }, "Model"),
      this.models,
      this.facts,
      this.remove,
      this.train,
    );
    const problems = start.faults.map((sentence) =>
      h("div", { class: "sdft-message", "data-kind": "error" }, sentence),
    );
    fill(root, problems, top, this.mend, h("div", { class: "sdft-columns" }, this.panels.element, this.output.element));
    this.showModels(start.models);
    const last = this.job?.model ?? localStorage.getItem(LAST_MODEL);
    if (start.models.includes(last)) this.select(last);
    else if (start.models.length) this.select(start.models[0]);
    else this.showModel(null);
    setInterval(() => this.lookAgain(), LOOK_AGAIN);
    window.addEventListener("pagehide", () => this.keep.now());
  }

  async created(model, train) {
    await this.refresh();
    await this.select(model.name);
    this.output.tell(`Created ${model.name} from ${model.base}.`, "done");
    if (train) await this.begin();
    else
      this.panels.open(
        model.runs.length || model.origin || model.settings.base.continue_from ? "settings" : "concepts",
      );
  }

  showModels(names) {
    offer(this.models, names.length ? names.map((name) => [name, name]) : [["", "No model yet"]]);
    if (this.model) this.models.value = this.model.name;
    this.create.show(this.start.checkpoints);
  }

  async refresh() {
    Object.assign(this.start, await get("models"));
    this.showModels(this.start.models);
    this.job = this.start.job;
  }

  async select(name, run) {
    await this.keep.now();
    try {
      this.showModel(await get("models", name), run);
    } catch (error) {
      this.output.tell(error.message, "error");
    }
  }

  /** The settings were replaced on the server; what is looked at stays. */
  reread() {
    return this.select(this.model.name, this.output.run());
  }

  showModel(model, run) {
    if (model?.name !== this.model?.name) this.fit.begin();
    this.model = model;
    this.create.read();
    for (const each of ["settings", "concepts", "saving", "generate"]) this.panels.enable(each, model !== null);
    this.remove.hidden = model === null;
    this.train.disabled = model === null;
    if (!model) {
      this.panels.open("create");
      this.facts.textContent = "";
      fill(this.mend, "No model yet: give it a name and press Create Model.");
      return this.output.look(null, null, []);
    }
    localStorage.setItem(LAST_MODEL, model.name);
    this.models.value = model.name;
    this.build();
    this.concepts.show(model);
    this.generate.show(model);
    this.generate.working(this.job);
    this.checked(model.check);
    const active = this.job?.kind === "train" && this.job.model === model.name ? this.job.run : null;
    this.output.look(model.name, run ?? active ?? model.runs[0] ?? null, model.runs);
  }

  /** The fields of the method; what does not apply to it is not there. */
  build() {
    const { form } = this.start;
    const settings = this.model.settings;
    const method = settings.method ?? form.fields.find((each) => each.name === "method").default;
    const make = (option) => field(option, option.name, settings, (name) => this.changed(name));
    const groups = (panel) =>
      form.groups.filter((each) => each.panel === panel && (!each.method || each.method === method));
    // A switch that is on for a method that has none is a fault, and can be mended where it is seen.
    const applies = (option) =>
      option.methods.includes(method) || (option.kind === "flag" && valueAt(settings, option.name) === true);
    const content = (panel, top = []) => {
      const own = groups(panel).map((each) => ({ ...each, fields: each.fields.filter(applies) }));
      const foremost = own.flatMap((each) => each.fields.filter((option) => option.foremost));
      const folded = own
        .map((each) => [each, each.fields.filter((option) => !option.foremost)])
        .filter(([, fields]) => fields.length);
      return [
        top,
        foremost.map(make),
        folded.map(([each, fields]) =>
          h(
            "details",
            { class: "sdft-fold", "data-group": each.name },
            h("summary", { title: each.help }, each.label),
            h("p", { class: "sdft-about" }, each.help),
            fields.map(make),
          ),
        ),
      ];
    };
    const top = form.fields.map((option) => (option.name === "method" ? this.methods(option, method) : make(option)));
    fill(this.settingsPanel, content("settings", [top, this.fit.element]));
    fill(this.savingPanel, content("saving"));
    fill(this.generatePanel, content("generate"));
  }

  methods(option, method) {
    const choose = (value) => {
      this.swap(method, value);
      this.model.settings.method = value;
      this.build();
      this.changed("method");
      this.root.querySelector(`input[name="sd_finetune_method"][value="${value}"]`).focus();
    };
    const name = (value) =>
      ({ lora: "LoRA", dreambooth: "DreamBooth" })[value] ??
      value
        .split("_")
        .map((word) => word[0].toUpperCase() + word.slice(1))
        .join(" ");
    return h(
      "fieldset",
      { class: "sdft-methods" },
      h("legend", {}, option.label),
      option.choices.map((value) =>
        h(
          "label",
          {},
          h("input", {
            type: "radio",
            name: "sd_finetune_method",
            value,
            checked: value === method,
            onchange: () => choose(value),
          }),
          h("span", {}, name(value)),
        ),
      ),
    );
  }

  /** What follows the method becomes what it was when the new one was left, or else what suits it. */
  swap(from, to) {
    const { settings, suited } = this.model;
    const fields = [...this.start.form.fields, ...this.start.form.groups.flatMap((each) => each.fields)];
    const follow = fields.filter((option) => option.follows_method).map((option) => option.name);
    const names = [...new Set([...follow, ...Object.keys(suited[from] ?? {}), ...Object.keys(suited[to] ?? {})])];
    const left = (this.model.left ??= {});
    left[from] = Object.fromEntries(names.map((name) => [name, valueAt(settings, name)]));
    const values = { ...suited[to], ...left[to] };
    for (const name of names) putAt(settings, name, values[name]);
  }

  changed() {
    this.keep();
  }

  /** Keep the settings as they stand; a model that was left meanwhile is not touched. */
  async save() {
    const model = this.model;
    if (!model) return;
    try {
      const check = await post(["models", model.name, "settings"], model.settings);
      if (this.model === model) this.checked(check);
    } catch (error) {
      this.output.tell(error.message, "error");
    }
  }

  async saveNow() {
    await this.keep.now();
    await this.save();
  }

  checked(check) {
    this.model.check = check;
    showFaults(this.root, check.faults);
    for (const fold of this.root.querySelectorAll("details.sdft-fold"))
      if (fold.querySelector(".sdft-faulty")) fold.open = true;
    const faults = Object.entries(check.faults);
    const line = ([name, sentence]) =>
      h("button", { type: "button", class: "sdft-fault-link", onclick: () => this.lead(name) }, sentence);
    const warnings = check.warnings.map((sentence) => h("div", { class: "sdft-warning" }, sentence));
    const heading =
      faults.length === 1 ? "1 thing to mend before training:" : `${faults.length} things to mend before training:`;
    fill(this.mend, faults.length ? [h("b", {}, heading), faults.map(line)] : warnings);
    this.facts.textContent = facts(this.model, check);
    this.concepts.checked();
  }

  /** Open the panel of a faulty field and go there. */
  lead(name) {
    const place = [...this.root.querySelectorAll(".sdft-field")].find((each) => each.dataset.name === name);
    const panel = place ? this.panels.of(place) : "concepts";
    this.panels.open(panel);
    place?.querySelector("input, select, textarea").focus();
  }

  async begin() {
    if (!this.model || this.train.disabled) return;
    this.train.disabled = true;
    try {
      await this.saveNow();
      const faults = Object.keys(this.model.check.faults);
      if (faults.length) return this.lead(faults[0]);
      const { run } = await post(["models", this.model.name, "train"]);
      this.output.tell("");
      await this.refresh();
      await this.select(this.model.name, run);
    } catch (error) {
      this.output.tell(error.message, "error");
    } finally {
      this.train.disabled = false;
    }
  }

  async delete() {
    if (!window.confirm(`Delete the model ${this.model.name} with its runs and the pictures that were dropped on it?`))
      return;
    try {
      await post(["models", this.model.name, "delete"]);
      this.model = null;
      await this.refresh();
      if (this.start.models.length) this.select(this.start.models[0]);
      else this.showModel(null);
    } catch (error) {
      this.output.tell(error.message, "error");
    }
  }

  /** A run that another tab has started, or that ended, is noticed here. */
  async lookAgain() {
    const before = this.job;
    try {
      await this.refresh();
    } catch {
      return; // the output says that the server is silent
    }
    this.generate.working(this.job);
    const started = this.job?.kind === "train" && this.job.run !== before?.run;
    if (started && this.job.model === this.model?.name)
      this.output.look(this.model.name, this.job.run, [
        this.job.run,
        ...this.model.runs.filter((run) => run !== this.job.run),
      ]);
    else if (started && !this.model) this.select(this.job.model);
  }

  async ended() {
    refreshLists();
    const { name } = this.model;
    const told = await get("models", name).catch(() => null);
    if (told && this.model?.name === name) {
      this.model.runs = told.runs;
      this.generate.show(this.model);
      this.create.read();
      this.save(); // the time that it takes is known better now
    }
  }
}

/** What a model comes from and what training it amounts to. */
function facts(model, check) {
  const file = model.settings.base?.continue_from;
  const before = model.origin
    ? ` · goes on from step ${number(model.origin.step)} of ${model.origin.of}`
    : file
      ? ` · goes on from ${file.split(/[\\/]/).at(-1)}`
      : "";
  const length = check.steps ? ` · ${number(check.steps)} steps, ${number(check.steps_per_epoch)} an epoch` : "";
  const time = check.seconds ? `, about ${roughly(check.seconds)}` : "";
  return `from ${model.base} · ${model.settings.method ?? "lora"}${before}${length}${time}`;
}
