// One button that fits the settings to the GPU's memory, or to that of another GPU.
import { post, sentence } from "./api.mjs";
import { button, h } from "./dom.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { AnotherGpu } from "./types.d.ts" */

const HELP = "Chooses batch size, gradient checkpointing, precision and optimizer for the VRAM of a GPU";

/**
 * The row: `element`, `begin()` for another project.
 * @param {AnotherGpu[]} gpus those that are not in this machine
 * @param {Act} act
 * @param {() => Promise<boolean>} changed shows the new settings
 */
export function makeFit(gpus, act, changed) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const press = button("Fit to this GPU", ask, { id: "sd_finetune_fit", title: HELP });
  const others = gpus.map((each) => h("option", { value: each.gpu }, each.title));
  const choice = h(
    "select",
    { id: "sd_finetune_fit_gpu", "aria-label": "GPU to fit to", onchange: rename },
    h("option", { value: "" }, "the GPU of this machine"),
    others,
  );

  function rename() {
    press.textContent = choice.value ? "Fit to that GPU" : "Fit to this GPU";
  }

  async function ask() {
    const gpu = choice.value;
    press.disabled = true;
    said.textContent = gpu ? "" : "Looking for the GPU.";
    try {
      const fitted = await act((name) => post(["projects", name, "fit"], { gpu }));
      if (!fitted) return;
      const shown = Object.keys(fitted.changes).length === 0 || (await changed());
      said.textContent = shown ? fitted.sentence : "";
    } catch (error) {
      said.textContent = sentence(error);
    } finally {
      press.disabled = false;
    }
  }

  return {
    element: h("div", { class: "sdft-row" }, press, choice, said),
    begin() {
      said.textContent = "";
    },
  };
}
