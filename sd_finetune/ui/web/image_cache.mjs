// How much is in the image cache, and a button that empties it.
import { get, post, sentence } from "./api.mjs";
import { button, h } from "./dom.mjs";
import { bytes, counted } from "./figures.mjs";
/** @import { Act } from "./keeper.mjs" */
/** @import { ImageCache } from "./types.d.ts" */

const HELP = "Notes about images and latents on the disk; a run that starts removes what 30 days have not used";
const EMPTY_HELP = "Remove all of it; the next run encodes its images again";

/**
 * The row: `element`, `begin()` for another project.
 * @param {Act} act
 */
export function makeImageCache(act) {
  const said = h("span", { class: "sdft-said", role: "status" });
  const look = button("Show image cache", () => tell((name) => get("projects", name, "image-cache")), { title: HELP });
  const empty = button("Empty image cache", () => tell((name) => post(["projects", name, "image-cache", "empty"])), {
    title: EMPTY_HELP,
    hidden: true,
  });

  /** @param {(project: string) => Promise<ImageCache>} ask */
  async function tell(ask) {
    look.disabled = empty.disabled = true;
    try {
      const told = await act(ask);
      if (!told) return;
      const { folder, files, size } = told;
      said.textContent = `${folder}: ${counted(files, "file")}, ${bytes(size)}`;
      empty.hidden = !files;
    } catch (error) {
      said.textContent = sentence(error);
    } finally {
      look.disabled = empty.disabled = false;
    }
  }

  return {
    element: h("div", { class: "sdft-row" }, look, empty, said),
    begin() {
      said.textContent = "";
      empty.hidden = true;
    },
  };
}
