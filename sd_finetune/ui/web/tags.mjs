// The tags of all captions of a concept, with how many images have each.
import { tagsOf } from "./caption_edits.mjs";
import { fill, h } from "./dom.mjs";
import { number } from "./figures.mjs";
/** @import { Entry } from "./types.d.ts" */

const MOST = 300;

/**
 * A list that is counted while it is open: `element`, `renew()`.
 * @param {() => Entry[]} entries
 * @param {() => string} separator
 * @param {(tag: string) => void} choose
 */
export function makeTags(entries, separator, choose) {
  const list = h("div", { class: "sdft-tags" });
  const element = h("details", { class: "sdft-fold", ontoggle: renew }, h("summary", {}, "Tags and how often"), list);

  function renew() {
    if (!element.open) return;
    const counts = countTags(entries(), separator());
    const more = counts.length > MOST ? `and ${number(counts.length - MOST)} rarer ones` : null;
    const none = counts.length ? null : "No image has a caption.";
    fill(
      list,
      counts.slice(0, MOST).map(([tag, count]) => tagButton(tag, count)),
      more,
      none,
    );
  }

  /**
   * @param {string} tag
   * @param {number} count
   */
  function tagButton(tag, count) {
    const title = `Show the images with the tag ${tag}`;
    const parts = [h("span", {}, tag), h("small", {}, number(count))];
    return h("button", { type: "button", class: "sdft-button sdft-small", title, onclick: () => choose(tag) }, parts);
  }

  return { element, renew };
}

/**
 * Tags with the number of images that have each, the most frequent first.
 * @param {Entry[]} entries
 * @param {string} separator
 * @returns {[tag: string, count: number][]}
 */
function countTags(entries, separator) {
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const { caption } of entries)
    for (const tag of new Set(tagsOf(caption, separator))) counts.set(tag, (counts.get(tag) ?? 0) + 1);
  return [...counts].sort(([a, many], [b, more]) => more - many || a.localeCompare(b));
}
