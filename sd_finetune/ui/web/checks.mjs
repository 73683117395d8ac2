// Images that are better left out: found on request, marked in the grid and listed, from where they are excluded.
import { get, sentence } from "./api.mjs";
import { button, fill, h } from "./dom.mjs";
import { counted } from "./figures.mjs";
/** @import { Finding } from "./types.d.ts" */

const SMALL = "sdft-button sdft-small";
const HELP =
  "Compares the images with each other and with those in the class images folder, and measures how sharp they are at " +
  "the size that they are trained in";
/** @type {Record<Finding["kind"], { title: string, mark: string }>} */
const KINDS = {
  duplicate: { title: "Look alike", mark: "duplicate" },
  class: { title: "Look like a class image", mark: "class image" },
  blurred: { title: "Blurred", mark: "blurred" },
  small: { title: "Smaller than they are trained", mark: "small" },
};

/**
 * @typedef {object} Grid
 * @property {(marks: Map<string, string[]>) => void} mark what to write on images, by their names
 * @property {(name: string) => void} show bring an image into view
 * @property {(names: string[]) => void} exclude
 */

/**
 * `element`, and `forget()` for when the images are others.
 * @param {string} project
 * @param {number} number the concept's, from 1
 * @param {Grid} grid
 */
export function makeChecks(project, number, grid) {
  const find = button("Find duplicates and blurred images", start, { class: SMALL, title: HELP });
  const stop = button("Stop", forget, { class: SMALL, hidden: true });
  const bar = h("progress", { "aria-label": "Images checked", hidden: true });
  const said = h("span", { role: "status" });
  const list = h("div", { class: "sdft-found" });
  const element = h("div", { class: "sdft-checks" }, h("div", { class: "sdft-row" }, find, stop, bar, said), list);
  let turn = 0;
  /** @type {Finding[]} */
  let found = [];

  function start() {
    return look(++turn);
  }

  /** @param {number} mine goes on as long as it is the latest */
  async function look(mine) {
    show([]);
    working(true);
    try {
      for (let done = false; !done;) {
        const told = await get("projects", project, "concepts", number, "checks");
        if (mine !== turn || !element.isConnected) return;
        Object.assign(bar, { max: told.total, value: told.checked });
        said.textContent = `Checked ${told.checked} of ${counted(told.total, "image")}.`;
        done = told.checked >= told.total;
        if (!done) continue;
        show(told.findings);
        if (!told.findings.length) said.textContent += " Nothing to exclude was found.";
      }
    } catch (error) {
      if (mine !== turn) return;
      said.textContent = sentence(error);
    }
    working(false);
  }

  /** @param {boolean} going */
  function working(going) {
    find.disabled = going;
    stop.hidden = bar.hidden = !going;
  }

  function forget() {
    turn += 1;
    working(false);
    said.textContent = "";
    show([]);
  }

  /** @param {Finding[]} findings */
  function show(findings) {
    found = findings;
    grid.mark(marksOf(findings));
    fill(
      list,
      /** @type {Finding["kind"][]} */ (Object.keys(KINDS)).map((kind) => {
        const own = findings.filter((finding) => finding.kind === kind);
        return own.length > 0 && group(KINDS[kind].title, own);
      }),
    );
  }

  /**
   * @param {string} title
   * @param {Finding[]} findings
   */
  function group(title, findings) {
    const rest = [...new Set(findings.flatMap((finding) => finding.exclude))];
    return h(
      "details",
      { class: "sdft-fold", open: true },
      h("summary", {}, `${title}: ${findings.length}`),
      h("ul", { class: "sdft-sizes" }, findings.map(row)),
      rest.length > 1 && button(`Exclude all ${rest.length}`, () => exclude(rest), { class: SMALL }),
    );
  }

  /** @param {Finding} finding */
  function row({ images, exclude: rest, words }) {
    return h(
      "li",
      {},
      images.map((name) => button(name, () => grid.show(name), { class: SMALL, title: "Show it in the grid" })),
      words && ` ${words} `,
      button("Exclude", () => exclude(rest), { class: SMALL, "aria-label": `Exclude ${rest.join(", ")}` }),
    );
  }

  /** @param {string[]} names */
  function exclude(names) {
    grid.exclude(names);
    show(found.flatMap((finding) => without(finding, new Set(names))));
    find.focus();
  }

  return { element, forget };
}

/**
 * What is left of a finding once some images are excluded.
 * @param {Finding} finding
 * @param {Set<string>} names
 * @returns {Finding[]}
 */
function without(finding, names) {
  const [images, exclude] = [finding.images, finding.exclude].map((all) => all.filter((name) => !names.has(name)));
  return images.length && exclude.length ? [{ ...finding, images, exclude }] : [];
}

/**
 * @param {Finding[]} findings
 * @returns {Map<string, string[]>}
 */
function marksOf(findings) {
  const marks = new Map();
  for (const { kind, images } of findings) {
    for (const name of images) marks.set(name, [...(marks.get(name) ?? []), KINDS[kind].mark]);
  }
  return marks;
}
