// The line above all else: which model, what training it amounts to, Train and Delete.
import { button, h, offer } from "./dom.mjs";
import { counted, number, roughly } from "./figures.mjs";
/** @import { Check, Model } from "./types.d.ts" */

/**
 * The line: `element`, `train` (its button), `offer(names, selected)`, `show(model)`, `tell(model, check)`.
 * @param {(name: string) => void} select
 * @param {() => void} begin
 * @param {() => void} remove
 */
export function makeTop(select, begin, remove) {
  const label = h("label", { for: "sd_finetune_model" }, "Project");
  const models = h("select", { id: "sd_finetune_model", onchange: (event) => select(event.target.value) });
  const facts = h("span", { class: "sdft-facts" });
  const train = button("Train", begin, { id: "sd_finetune_generate", class: "sdft-button sdft-primary" });
  const trash = button("Delete", remove, { title: "Delete this project with its runs" });

  return {
    element: h("div", { class: "sdft-top" }, label, models, facts, trash, train),
    train,
    /**
     * @param {string[]} names
     * @param {Model | null} selected
     */
    offer(names, selected) {
      const pairs = names.map((name) => /** @type {[string, string]} */ ([name, name]));
      offer(models, names.length ? pairs : [["", "No project yet"]]);
      if (selected) models.value = selected.name;
    },
    /** @param {Model | null} model another one was selected */
    show(model) {
      if (model) models.value = model.name;
      else facts.textContent = "";
      trash.hidden = model === null;
      train.disabled = model === null;
    },
    /**
     * @param {Model} model
     * @param {Check} check
     */
    tell(model, check) {
      facts.textContent = factsOf(model, check);
    },
  };
}

/**
 * What a model comes from and what training it amounts to.
 * @param {Model} model
 * @param {Check} check
 */
function factsOf(model, check) {
  const file = model.settings.base?.continue_from?.split(/[\\/]/).at(-1);
  const origin = model.origin ? `step ${number(model.origin.step)} of ${model.origin.of}` : file;
  const before = origin ? ` · continues from ${origin}` : "";
  const length = check.steps ? ` · ${counted(check.steps, "step")}, ${number(check.steps_per_epoch)} per epoch` : "";
  const time = check.seconds ? `, about ${roughly(check.seconds)}` : "";
  return `from ${model.base} · ${model.settings.method ?? "lora"}${before}${length}${time}`;
}
