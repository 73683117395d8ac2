// Generated images, as the panel Generate shows them.
import { address } from "./api.mjs";
import { button, h } from "./dom.mjs";
import { counted } from "./figures.mjs";
/** @import { ClassImages, Generated } from "./types.d.ts" */

/** Class images of a prompt that are shown at a time. */
export const SHOWN = 100;
const DELETE =
  "Delete; generated again when it is next needed, as another image if the seed of class images was changed";

/**
 * The class images of one prompt, each with a button that deletes it.
 * @param {string} project
 * @param {ClassImages} folder
 * @param {boolean} open
 * @param {number} count how many are shown
 * @param {(name: string) => void} remove deletes one
 * @param {() => void} more shows further ones
 */
export function classFolder(project, folder, open, count, remove, more) {
  const left = Math.min(folder.images.length - count, SHOWN);
  const one = (/** @type {string} */ name) => {
    const src = address("projects", project, "class-images", folder.key, name);
    return h(
      "figure",
      {},
      h("a", { href: src, target: "_blank" }, h("img", { src, alt: `${folder.prompt}, ${name}`, loading: "lazy" })),
      button("×", () => remove(name), {
        class: "sdft-button sdft-small",
        title: DELETE,
        "aria-label": `Delete ${name}`,
      }),
    );
  };
  return h(
    "details",
    { class: "sdft-fold", "data-key": folder.key, open },
    h(
      "summary",
      {},
      `${counted(folder.images.length, "image")} of "${folder.prompt}" `,
      h("small", {}, folder.sampling),
    ),
    h("div", { class: "sdft-thumbnails" }, folder.images.slice(0, count).map(one)),
    left > 0 && h("div", { class: "sdft-row" }, button(`Show ${counted(left, "more image")}`, more)),
  );
}

/**
 * What was generated at one request.
 * @param {string} project
 * @param {Generated} entry
 */
export function generatedRow(project, entry) {
  const image = (/** @type {string} */ name) => {
    const src = address("projects", project, "generated", entry.key, name);
    const shown = h("img", { src, alt: entry.prompt, loading: "lazy" });
    return h("figure", {}, h("a", { href: src, target: "_blank" }, shown));
  };
  return h(
    "div",
    { class: "sdft-generated" },
    h("div", {}, entry.prompt, h("small", {}, ` seed ${entry.seed}, ${entry.with || "base checkpoint"}`)),
    entry.error ? h("div", { class: "sdft-fault" }, entry.error) : null,
    h("div", { class: "sdft-images" }, entry.images.map(image)),
  );
}
