// One button that fits the settings to the GPU's memory.
import { post, sentence } from "./api.mjs";
import { button, h } from "./dom.mjs";

const HELP = "Chooses batch size, gradient checkpointing and precision for the VRAM of this GPU";

/**
 * The row: `element`, `begin()` for another project.
 * @param {() => string} name the project's
 * @param {() => Promise<void>} save keeps the form first
 * @param {() => Promise<void>} changed shows the new settings
 */
export function makeFit(name, save, changed) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const press = button("Fit to this GPU", ask, { id: "sd_finetune_fit", title: HELP });

  async function ask() {
    press.disabled = true;
    said.textContent = "Looking for the GPU.";
    try {
      await save();
      const fitted = await post(["projects", name(), "fit"]);
      if (Object.keys(fitted.changes).length) await changed();
      said.textContent = fitted.sentence;
    } catch (error) {
      said.textContent = sentence(error);
    }
    press.disabled = false;
  }

  return {
    element: h("div", { class: "sdft-row" }, press, said),
    begin() {
      said.textContent = "";
    },
  };
}
