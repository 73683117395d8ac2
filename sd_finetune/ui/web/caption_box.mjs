// The box in which the caption of a tile is edited, in place of its text.
import { h } from "./dom.mjs";
import { keyInCaption } from "./grid_keys.mjs";
/** @import { Entry } from "./types.d.ts" */

/**
 * @typedef {object} BoxHears
 * @property {(text: string) => void} keep write this caption
 * @property {(step: number, focus: boolean) => void} left the box is to go; the caption `step` further is edited next,
 *   0 is none, and then the tile gets the focus if so
 */

/**
 * The box; `leave(kept)` ends the editing, with the caption kept or as it was.
 * @param {string} id
 * @param {Entry} entry
 * @param {BoxHears} hears
 */
export function makeCaptionBox(id, entry, hears) {
  let open = true;
  const element = h("textarea", {
    id,
    class: "sdft-tile-box",
    "aria-label": `Caption of ${entry.name}`,
    placeholder: entry.prompt,
    value: entry.caption,
    onblur: blurred,
  });
  element.addEventListener("keydown", (event) => keyInCaption(event, (kept, step) => leave(kept, step, true)));

  /**
   * @param {boolean} kept
   * @param {number} [step]
   * @param {boolean} [focus]
   */
  function leave(kept, step = 0, focus = false) {
    if (!open) return;
    open = false;
    if (kept) hears.keep(element.value);
    hears.left(step, focus);
  }

  /** Another element has the focus now, or another window: then the box stays open. */
  function blurred() {
    if (document.activeElement === element) hears.keep(element.value);
    else if (!box.moving) leave(true);
  }

  const box = { element, leave, moving: false };
  return box;
}
