// The table of the sizes that the images of all concepts are trained in.
import { get } from "./api.mjs";
import { fill, h } from "./dom.mjs";
/** @import { Bucket } from "./types.d.ts" */

const HELP = "Images are trained in the size that is nearest to their own proportions; a batch has images of one size";
const HEADS = ["Trained in", "Images", "Uses in an epoch", "Enlarged", "Most that is cut off"];
const ALONE = 1;
const SEEN = 0.005;

/** `element`, and `read(project)` which reads the table again. */
export function makeBuckets() {
  const summary = h("summary", { title: HELP });
  const body = h("tbody", {});
  const head = h(
    "tr",
    {},
    HEADS.map((text) => h("th", {}, text)),
  );
  const table = h("table", { class: "sdft-table" }, h("thead", {}, head), body);
  const warnings = h("ul", { class: "sdft-sizes", role: "status" });
  const element = h("details", { class: "sdft-fold", hidden: true }, summary, table);
  const all = h("div", { class: "sdft-buckets" }, element, warnings);
  let asked = 0;

  /** @param {string} project */
  async function read(project) {
    const mine = ++asked;
    const told = await get("projects", project, "buckets").catch(() => ({ buckets: [], warnings: [] }));
    if (mine !== asked) return;
    element.hidden = told.buckets.length === 0;
    summary.textContent = `Sizes that images are trained in: ${told.buckets.length}`;
    fill(body, told.buckets.map(row));
    fill(
      warnings,
      told.warnings.map((each) => h("li", { class: "sdft-warning" }, each)),
    );
  }

  return { element: all, read };
}

/** @param {Bucket} bucket */
function row({ size: [width, height], images, examples, enlarged, cut }) {
  const cells = [
    `${width} × ${height}`,
    `${images}`,
    `${examples}`,
    enlarged ? `${enlarged}` : "",
    cut < SEEN ? "" : `${Math.round(100 * cut)} %`,
  ];
  return h(
    "tr",
    { class: examples === ALONE ? "sdft-warning" : "" },
    cells.map((text) => h("td", {}, text)),
  );
}
