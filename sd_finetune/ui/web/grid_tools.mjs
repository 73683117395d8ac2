// What stands above the grid of images: filter, tags, bulk edits with undo, and how many images there are.
import { makeBulk, makeUndo } from "./bulk.mjs";
import { h, whenQuiet } from "./dom.mjs";
import { number as figure } from "./figures.mjs";
import { makeFilter } from "./grid_filter.mjs";
import { makeNotice } from "./notice.mjs";
import { makeTags } from "./tags.mjs";
/** @import { GridData } from "./grid_data.mjs" */
/** @import { Entry } from "./types.d.ts" */

const QUIET = 200;
const TRAINED = "What is cut off is dark, what the mask leaves out is red";

/**
 * Gives `element`, `notice`, `search` (the box of the filter), `clear()` the filter, `fitting()` the images that it
 * lets through, `told()` after other images are shown, selected or excluded, `soon()` after captions have changed.
 * @param {GridData} data
 * @param {() => Entry[]} shown
 * @param {() => void} filtered another filter is wanted
 * @param {() => void} renew other small images are wanted
 */
export function makeTools(data, shown, filtered, renew) {
  const separator = () => data.separator();
  const notice = makeNotice();
  const filter = makeFilter(filtered);
  const tags = makeTags(() => data.entries, separator, filter.byTag);
  const selected = () => data.entries.filter((entry) => data.selected.has(entry.name));
  const bulk = makeBulk({ shown, selected, all: () => data.entries }, separator, apply);
  const undo = makeUndo(takeBack);
  const count = h("div", { class: "sdft-count", role: "status" });
  const soon = whenQuiet(QUIET, async () => told());
  const trained = h("input", { type: "checkbox", onchange: showTrained });
  const toggle = h("label", { class: "sdft-legend", title: TRAINED }, trained, "Show what is trained");
  filter.element.append(toggle);
  const parts = [filter.element, tags.element, bulk.element, undo.element, notice.element, count];

  /**
   * @param {string} title
   * @param {[entry: Entry, text: string][]} texts
   */
  async function apply(title, texts) {
    await data.write(title, texts);
    told();
  }

  function showTrained() {
    data.trained = trained.checked;
    renew();
  }

  async function takeBack() {
    await data.undo();
    told();
  }

  function fitting() {
    const excluded = data.excluded();
    return data.entries.filter((entry) =>
      filter.fits(
        entry,
        data.selected.has(entry.name),
        excluded.has(entry.name),
        data.badges.has(entry.name),
        separator(),
      ),
    );
  }

  function told() {
    const excluded = data.excluded();
    const out = data.entries.filter((entry) => excluded.has(entry.name)).length;
    const words = [`${figure(shown().length)} of ${figure(data.entries.length)} images shown`];
    if (data.selected.size) words.push(`${figure(data.selected.size)} selected`);
    if (out) words.push(`${figure(out)} excluded`);
    count.textContent = `${words.join(", ")}.`;
    const last = data.history.last();
    undo.show(last?.title ?? "", Object.keys(last?.changes ?? {}).length);
    tags.renew();
    bulk.renew();
  }

  return { element: h("div", {}, parts), notice, search: filter.search, clear: filter.clear, fitting, told, soon };
}
