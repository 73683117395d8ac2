// Saving a project's settings as a preset of your own.
import { post, sentence } from "./api.mjs";
import { button, h, labelled, oneAtATime } from "./dom.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { Preset } from "./types.d.ts" */

const HELP =
  "Saves what decides how this project learns, to be used in other projects or shared: no folders, prompts and words";
const MORE = "Also settings for VRAM, samples, class images and saving";

/**
 * The form: `press`, the button that opens it, `element`, `close()`.
 * @param {Act} act
 * @param {() => boolean} usable whether there is a project
 * @param {(key: string) => Promise<void>} saved
 * @param {() => Preset[]} all those that there are
 */
export function makePresetForm(act, usable, saved, all) {
  const title = h("input", { type: "text", id: "sd_finetune_preset_name", autocomplete: "off" });
  const about = h("input", { type: "text", id: "sd_finetune_preset_about", autocomplete: "off" });
  const more = h("input", { type: "checkbox", id: "sd_finetune_preset_more" });
  const said = h("div", { class: "sdft-message", role: "alert" });
  const element = h(
    "form",
    { class: "sdft-preset", hidden: true, onsubmit: submit },
    labelled("Name of the preset", title),
    labelled("Description", about),
    h(
      "div",
      { class: "sdft-field sdft-flag" },
      h("span", { class: "sdft-inputs" }, more),
      h("label", { for: more.id }, MORE),
    ),
    h(
      "div",
      { class: "sdft-row" },
      h("button", { type: "submit", class: "sdft-button" }, "Save"),
      button("Cancel", close),
    ),
    said,
  );
  const press = button("Save as preset", open, {
    class: "sdft-button sdft-small",
    id: "sd_finetune_preset_save",
    title: HELP,
  });

  function open() {
    if (!usable()) return;
    element.hidden = false;
    title.focus();
  }

  function close() {
    element.hidden = true;
    said.textContent = "";
    title.value = about.value = "";
    more.checked = false;
  }

  const save = oneAtATime(keep);

  /** @param {SubmitEvent} event */
  function submit(event) {
    event.preventDefault();
    save();
  }

  async function keep() {
    const asked = title.value.trim();
    const instead = all().some((each) => each.own && each.key === asked);
    if (instead && !window.confirm(`Replace the preset ${asked}?`)) return;
    said.dataset.kind = "error";
    try {
      const content = { name: asked, description: about.value, with_all: more.checked, instead };
      const told = await act((project) => post(["projects", project, "presets"], content));
      if (!told) return;
      close();
      await saved(told.key);
      press.focus();
    } catch (error) {
      said.textContent = sentence(error);
    }
  }

  return { press, element, close };
}
