// Generated images, as the panel Generate shows them.
import { address, post } from "./api.mjs";
import { button, h } from "./dom.mjs";
import { counted } from "./figures.mjs";
/** @import { ClassPictures, Drawn } from "./types.d.ts" */

const SHOWN = 100;
const DELETE =
  "Delete; generated again when it is next needed, as another image if the seed of class images was changed";

/**
 * The class pictures of one prompt, each with a button that deletes it.
 * @param {string} model
 * @param {ClassPictures} folder
 * @param {boolean} open
 * @param {() => void} again called after one was deleted
 */
export function classFolder(model, folder, open, again) {
  const one = (/** @type {string} */ name) => {
    const remove = async () => {
      await post(["models", model, "class-pictures", folder.key, name, "delete"]);
      again();
    };
    const src = address("models", model, "class-pictures", folder.key, name);
    return h(
      "figure",
      {},
      h("img", { src, alt: `${folder.prompt}, ${name}`, loading: "lazy" }),
      button("×", remove, { class: "sdft-button sdft-small", title: DELETE, "aria-label": `Delete ${name}` }),
    );
  };
  return h(
    "details",
    { class: "sdft-fold", "data-key": folder.key, open },
    h("summary", {}, `${counted(folder.pictures.length, "image")} of "${folder.prompt}"`),
    h("div", { class: "sdft-thumbnails" }, folder.pictures.slice(0, SHOWN).map(one)),
  );
}

/**
 * What was drawn at one request.
 * @param {string} model
 * @param {Drawn} entry
 */
export function drawnRow(model, entry) {
  const picture = (/** @type {string} */ name) => {
    const src = address("models", model, "drawn", entry.key, name);
    const image = h("img", { src, alt: entry.prompt, loading: "lazy" });
    return h("figure", {}, h("a", { href: src, target: "_blank" }, image));
  };
  return h(
    "div",
    { class: "sdft-drawn" },
    h("div", {}, entry.prompt, h("small", {}, ` seed ${entry.seed}, ${entry.with || "base checkpoint"}`)),
    entry.error ? h("div", { class: "sdft-fault" }, entry.error) : null,
    h("div", { class: "sdft-pictures" }, entry.pictures.map(picture)),
  );
}
