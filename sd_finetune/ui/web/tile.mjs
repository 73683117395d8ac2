// One image in the grid: the image, its caption below, and what is to be known or decided of both.
import { button, h } from "./dom.mjs";
/** @import { Entry } from "./types.d.ts" */

/**
 * @typedef {object} Shown
 * @property {string} source address of the small image
 * @property {boolean} selected
 * @property {boolean} excluded
 * @property {boolean} current whether the Tab key leads to it
 * @property {string[]} badges words about the image
 */

/**
 * @typedef {object} TileActs
 * @property {(entry: Entry, event: MouseEvent) => void} choose
 * @property {(entry: Entry) => void} edit
 * @property {(entry: Entry) => void} view
 * @property {(entry: Entry) => void} exclude or include
 * @property {((entry: Entry) => void) | null} remove null for images in a folder of the user's own
 * @property {(entry: Entry, mine: boolean) => void} settle
 */

/** Share of an image; where more is cut off, the tile says so. */
const MUCH = 0.2;
const VIEW = "Show it large, with what is trained (P)";
const REMOVE = "Remove this image and its caption from the project";

/**
 * @param {Entry} entry
 * @param {Shown} shown
 * @param {TileActs} acts
 */
export function makeTile(entry, shown, acts) {
  const { name, caption, prompt, fault, theirs } = entry;
  const { selected, excluded, current } = shown;
  const unsaved = caption !== entry.saved && theirs === null;
  const text = h("div", { class: "sdft-tile-caption", title: fault || caption || prompt }, caption || prompt);
  text.addEventListener("click", () => acts.edit(entry));
  text.classList.toggle("sdft-tile-none", !caption);
  const words = [excluded && "excluded", selected && "selected", fault && "not saved"].filter(Boolean);
  const tile = h(
    "div",
    {
      class: "sdft-tile",
      role: "gridcell",
      tabindex: current ? 0 : -1,
      "aria-selected": String(selected),
      "aria-label": [name, caption || "no caption", ...words].join(", "),
      "data-name": name,
    },
    picture(entry, shown, acts),
    theirs === null ? text : conflict(entry, theirs, acts),
    fault && h("div", { class: "sdft-fault", title: fault }, fault),
  );
  tile.classList.toggle("sdft-tile-excluded", excluded);
  tile.classList.toggle("sdft-tile-unsaved", unsaved);
  return tile;
}

/**
 * @param {Entry} entry
 * @param {Shown} shown
 * @param {TileActs} acts
 */
function picture(entry, { source, excluded, current, badges }, acts) {
  const { name, cut } = entry;
  const image = h("img", { alt: name, title: trainedWords(entry), "data-source": source });
  const small = { class: "sdft-button sdft-small", tabindex: current ? 0 : -1 };
  const place = h(
    "div",
    { class: "sdft-tile-image" },
    image,
    h(
      "div",
      { class: "sdft-badges" },
      [excluded ? "excluded" : "", cut > MUCH ? `${percent(cut)} cut off` : "", ...badges]
        .filter(Boolean)
        .map((each) => h("span", {}, each)),
    ),
    h(
      "div",
      { class: "sdft-tile-buttons" },
      button("View", () => acts.view(entry), { ...small, title: VIEW, "aria-label": `View ${name}` }),
      button(excluded ? "Include" : "Exclude", () => acts.exclude(entry), small),
      acts.remove &&
        // A second click of two would hit the next image, which has moved there.
        button("×", (event) => event.detail < 2 && acts.remove?.(entry), {
          ...small,
          title: REMOVE,
          "aria-label": `Remove ${name}`,
          "data-image": name,
        }),
    ),
  );
  image.addEventListener("click", (event) => acts.choose(entry, event));
  return place;
}

/**
 * An image's name and sizes, and what is cut off.
 * @param {Entry} entry
 */
export function trainedWords({ name, size, trained, cut }) {
  if (!size || !trained) return name;
  const gone = cut < 0.005 ? "" : `, ${percent(cut)} cut off`;
  return `${name}, ${size[0]} × ${size[1]}, trained at ${trained[0]} × ${trained[1]}${gone}`;
}

/** @param {number} share */
const percent = (share) => `${Math.round(100 * share)} %`;

/**
 * Two windows, or another program, have written this caption at the same time.
 * @param {Entry} entry
 * @param {string} theirs
 * @param {TileActs} acts
 */
function conflict(entry, theirs, acts) {
  const small = { class: "sdft-button sdft-small" };
  const said = theirs ? `Changed elsewhere: ${theirs}` : "Removed elsewhere";
  return h(
    "div",
    { class: "sdft-tile-conflict", role: "alert" },
    h("div", { class: "sdft-tile-theirs", title: said }, said),
    button("Keep mine", () => acts.settle(entry, true), { ...small, title: entry.caption || "no caption" }),
    button("Take theirs", () => acts.settle(entry, false), { ...small, title: theirs || "no caption" }),
  );
}

/**
 * Let the tiles in an element load their images.
 * @param {HTMLElement} row
 */
export function loadImages(row) {
  for (const image of row.querySelectorAll("img")) {
    const { source } = image.dataset;
    if (source && !image.src) image.src = source;
  }
}
