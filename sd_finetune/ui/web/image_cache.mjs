// How much is in the image cache, and a button that empties it.
import { get, post, sentence } from "./api.mjs";
import { button, h } from "./dom.mjs";
import { bytes, counted } from "./figures.mjs";
/** @import { ImageCache } from "./types.d.ts" */

const HELP = "Notes about images and latents on the disk; a run that starts removes what 30 days have not used";
const EMPTY_HELP = "Remove all of it; the next run encodes its images again";

/**
 * The row: `element`, `begin()` for another project.
 * @param {() => string} name the project's
 * @param {() => Promise<void>} save keeps the form first
 */
export function makeImageCache(name, save) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const look = button("Show image cache", () => tell(() => get("projects", name(), "image-cache")), { title: HELP });
  const empty = button("Empty image cache", () => tell(() => post(["projects", name(), "image-cache", "empty"])), {
    title: EMPTY_HELP,
    hidden: true,
  });

  /** @param {() => Promise<ImageCache>} ask */
  async function tell(ask) {
    look.disabled = empty.disabled = true;
    try {
      await save();
      const { folder, files, size } = await ask();
      said.textContent = `${folder}: ${counted(files, "file")}, ${bytes(size)}`;
      empty.hidden = !files;
    } catch (error) {
      said.textContent = sentence(error);
    }
    look.disabled = empty.disabled = false;
  }

  return {
    element: h("div", { class: "sdft-row" }, look, empty, said),
    begin() {
      said.textContent = "";
      empty.hidden = true;
    },
  };
}
