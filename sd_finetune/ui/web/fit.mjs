// One button that fits the settings to the GPU's memory.
import { post } from "./api.mjs";
import { h } from "./dom.mjs";

/** The row: `element`, `begin()` for another model. `save()` keeps the form first, `changed()` shows the new settings. */
export function makeFit(name, save, changed) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const button = h(
    "button",
    {
      type: "button",
      class: "sdft-button",
      id: "sd_finetune_fit",
      onclick: ask,
      title: "Chooses batch size, gradient checkpointing and number format by the memory that torch reports",
    },
    "Fit to this GPU",
  );

  async function ask() {
    button.disabled = true;
    said.textContent = "Asking torch for the GPU.";
    try {
      await save();
      const { changes, sentence } = await post(["models", name(), "fit"]);
      if (Object.keys(changes).length) await changed();
      said.textContent = sentence;
    } catch (error) {
      said.textContent = error.message;
    }
    button.disabled = false;
  }

  return { element: h("div", { class: "sdft-row" }, button, said), begin: () => (said.textContent = "") };
}
