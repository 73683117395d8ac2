// Images that are dropped on a concept, on their way into a folder of the project's own.
import { sentence, upload } from "./api.mjs";
import { button, h } from "./dom.mjs";
import { filesInput, takeDrops } from "./drop.mjs";

/**
 * @typedef {object} UploadHears
 * @property {(folder: string) => Promise<void>} folder the first of those that were dropped is in this one
 * @property {() => Promise<void>} ended all that were taken are there
 */

/**
 * Takes images for one concept, and outlasts what is drawn of it: `element`, `say(sentences)` why something failed,
 * `focus()`, `isBusy()`.
 * @param {string} project its name
 * @param {number} number the concept's, from 1; the tab changes none as long as this is busy
 * @param {UploadHears} hears
 */
export function makeUpload(project, number, hears) {
  const files = filesInput("image/*,.tga,.heic,.jxl,.txt,.caption,.jsonl", true, send);
  const drop = h("label", { class: "sdft-drop" }, "Drop images here, or choose them", files);
  const progress = h("div", { class: "sdft-count", role: "status", hidden: true });
  const said = h("div", { class: "sdft-message", "data-kind": "error", role: "alert" });
  const dismiss = button("Dismiss", () => say([]), { class: "sdft-button sdft-small" });
  const refused = h("div", { class: "sdft-refused", hidden: true }, said, dismiss);
  takeDrops(drop, send);
  /** @type {Promise<void>} */
  let last = Promise.resolve();
  let waiting = 0;
  /** @type {string[]} */
  let why = [];

  /** @param {File[]} chosen they wait for those that were dropped before */
  async function send(chosen) {
    if (!waiting) say([]);
    waiting += 1;
    progress.hidden = false;
    last = last.then(() => sendAll(chosen));
    await last;
    waiting -= 1;
    progress.hidden = waiting === 0;
    await hears.ended();
  }

  /**
   * One after another, all into the folder of the first.
   * @param {File[]} chosen
   */
  async function sendAll(chosen) {
    let folder = "";
    for (const [index, file] of chosen.entries()) {
      progress.textContent = `Uploading ${index + 1} of ${chosen.length}`;
      try {
        const kept = await upload(["projects", project, "concepts", number, "upload"], file, folder);
        const isFirst = folder === "";
        folder = kept.folder;
        if (isFirst) await hears.folder(folder);
      } catch (error) {
        say([...why, sentence(error)]);
      }
    }
  }

  /** @param {string[]} sentences which stand until they are dismissed or other images are dropped */
  function say(sentences) {
    why = sentences;
    said.textContent = sentences.join("\n");
    refused.hidden = sentences.length === 0;
  }

  return {
    element: h("div", {}, drop, progress, refused),
    say,
    focus: () => files.focus(),
    isBusy: () => waiting > 0,
  };
}
