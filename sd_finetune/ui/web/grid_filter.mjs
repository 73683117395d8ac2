// Which images of a concept are shown: by text, by tag, by what they are.
import { tagsOf } from "./caption_edits.mjs";
import { button, h, whenQuiet } from "./dom.mjs";
/** @import { Entry } from "./types.d.ts" */

const QUIET = 150;

/** @type {[value: string, label: string][]} */
const KINDS = [
  ["all", "All images"],
  ["none", "Without caption"],
  ["selected", "Selected"],
  ["excluded", "Excluded"],
  ["trained", "Not excluded"],
  ["marked", "Found by the check"],
];

/**
 * What is asked for: `element`, `search` (the box), `byTag(tag)`, `fits(entry, ...)`, `clear()` for all images.
 * @param {() => void} changed
 */
export function makeFilter(changed) {
  const soon = whenQuiet(QUIET, async () => changed());
  const search = h("input", {
    type: "text",
    placeholder: "Caption or file name",
    "aria-label": "Filter by caption or file name",
    oninput: soon,
  });
  const kind = h(
    "select",
    { "aria-label": "Images to show", onchange: changed },
    KINDS.map(([value, label]) => h("option", { value }, label)),
  );
  const chip = button("", () => byTag(""), { class: "sdft-button sdft-small", hidden: true });
  const element = h("div", { class: "sdft-row sdft-grid-filter" }, search, kind, chip);
  let tag = "";

  /** @param {string} wanted "" for any */
  function byTag(wanted) {
    tag = wanted;
    chip.hidden = tag === "";
    chip.textContent = `Tag: ${tag} ×`;
    chip.setAttribute("aria-label", `Show images without the tag ${tag} again`);
    changed();
  }

  return {
    element,
    search,
    byTag,
    tag: () => tag,
    clear() {
      search.value = "";
      kind.value = "all";
      byTag("");
    },
    /**
     * @param {Entry} entry
     * @param {boolean} selected
     * @param {boolean} excluded
     * @param {boolean} marked
     * @param {string} separator of tags
     */
    fits(entry, selected, excluded, marked, separator) {
      const words = search.value.trim().toLowerCase();
      if (words && !`${entry.name}\n${entry.caption}`.toLowerCase().includes(words)) return false;
      if (tag && !tagsOf(entry.caption, separator).includes(tag)) return false;
      const kinds = { all: true, none: !entry.caption, selected, excluded, trained: !excluded, marked };
      return kinds[/** @type {keyof typeof kinds} */ (kind.value)];
    },
  };
}
